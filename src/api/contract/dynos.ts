import { z } from 'zod';
import { maxOneOffMs } from '../../domain/one-off.ts';
import { appParam, appRef, empty, endpoint, id, time } from './endpoint.ts';
import { Cloudlets } from './formation.ts';

export const Dyno = z.object({
  id,
  name: z.string(),
  type: z.string(),
  size: z.string(),
  cloudlets: Cloudlets,
  state: z.enum(['starting', 'up', 'stopping', 'down', 'crashed', 'complete']),
  command: z.string(),
  release: z.object({ id, version: z.number().int() }),
  app: appRef,
  attach_url: z.string().nullable().describe('WebSocket for the terminal of a one-off made with attach; works once'),
  created_at: time,
  updated_at: time,
});
export type Dyno = z.infer<typeof Dyno>;

const DynoMemory = z.object({
  id,
  name: z.string(),
  memory_bytes: z.number().int().nullable().describe('Memory that it uses now; null when that is unknown'),
});

const dynoParam = appParam.extend({ dyno: z.string().min(1).describe('Name (web.1) or id') });
const typeParam = appParam.extend({ type: z.string().min(1).describe('Process type') });

export const dynoEndpoints = {
  listDynos: endpoint({
    method: 'GET',
    path: '/apps/{app}/dynos',
    tag: 'dynos',
    summary: 'Instances of an app, one-offs too',
    params: appParam,
    response: z.array(Dyno),
    range: ['name', 'id', 'updated_at'],
  }),
  listDynoMemory: endpoint({
    method: 'GET',
    path: '/apps/{app}/memory',
    tag: 'dynos',
    summary: 'Memory that each instance uses; measures those not measured lately, for up to two seconds',
    params: appParam,
    response: z.array(DynoMemory),
    range: ['name', 'id'],
  }),
  infoDyno: endpoint({
    method: 'GET',
    path: '/apps/{app}/dynos/{dyno}',
    tag: 'dynos',
    summary: 'One instance; by its id also after it ended',
    params: dynoParam,
    response: Dyno,
  }),
  createDyno: endpoint({
    method: 'POST',
    path: '/apps/{app}/dynos',
    tag: 'dynos',
    summary: 'Run a one-off command in the current release',
    params: appParam,
    body: z.strictObject({
      command: z.string().min(1).max(10_000),
      attach: z.boolean().nullish(),
      force_no_tty: z.boolean().nullish(),
      env: z.record(z.string(), z.string()).nullish().describe('COLUMNS and LINES give the size of the terminal'),
      size: z.string().min(1).nullish(),
      time_to_live: z
        .number()
        .int()
        .min(1)
        .max(maxOneOffMs / 1000)
        .nullish()
        .describe('Seconds after which it is asked to stop; a day when not given'),
      type: z.literal('run').nullish(),
    }),
    response: Dyno,
    status: 201,
  }),
  restartAllDynos: endpoint({
    method: 'DELETE',
    path: '/apps/{app}/dynos',
    tag: 'dynos',
    summary: 'Restart every instance',
    params: appParam,
    response: empty,
    status: 202,
  }),
  restartDyno: endpoint({
    method: 'DELETE',
    path: '/apps/{app}/dynos/{dyno}',
    tag: 'dynos',
    summary: 'Restart one instance',
    params: dynoParam,
    response: empty,
    status: 202,
  }),
  restartType: endpoint({
    method: 'DELETE',
    path: '/apps/{app}/formations/{type}',
    tag: 'dynos',
    summary: 'Restart the instances of a process type',
    params: typeParam,
    response: empty,
    status: 202,
  }),
  stopDyno: endpoint({
    method: 'POST',
    path: '/apps/{app}/dynos/{dyno}/actions/stop',
    tag: 'dynos',
    summary: 'Stop one instance',
    params: dynoParam,
    response: empty,
    status: 202,
  }),
  stopType: endpoint({
    method: 'POST',
    path: '/apps/{app}/formations/{type}/actions/stop',
    tag: 'dynos',
    summary: 'Stop the instances of a process type',
    params: typeParam,
    response: empty,
    status: 202,
  }),
  attachDyno: endpoint({
    method: 'GET',
    path: '/attach/{secret}',
    tag: 'dynos',
    summary:
      'WebSocket to a one-off: binary frames are bytes; text frames are AttachInput from the client and AttachOutput to it. With the subprotocol outputs-apart, a binary frame to the client begins with a byte: 1 standard output, 2 standard error',
    auth: 'none',
    params: z.object({ secret: z.string() }),
    response: z.unknown(),
    stream: 'websocket',
  }),
};

/** A text frame from the client of an attached one-off. `eof` ends the process's standard input. */
export const AttachInput = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('resize'),
    columns: z.number().int().min(1).max(1000),
    rows: z.number().int().min(1).max(1000),
  }),
  z.strictObject({ type: z.literal('eof') }),
]);
export type AttachInput = z.infer<typeof AttachInput>;

/** A text frame to the client, always the last message: the exit code of the process, or why there is none. */
export const AttachOutput = z.discriminatedUnion('type', [
  z.object({ type: z.literal('exit'), code: z.number().int() }),
  z.object({ type: z.literal('error'), message: z.string() }),
]);
export type AttachOutput = z.infer<typeof AttachOutput>;
