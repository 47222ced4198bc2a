import { z } from 'zod';
import { appParam, empty, endpoint, id, time, userRef } from './endpoint.ts';

export const Build = z.object({
  id,
  app: z.object({ id }),
  status: z.enum(['pending', 'succeeded', 'failed']),
  state: z
    .enum(['queued', 'building', 'succeeded', 'failed', 'cancelled'])
    .describe("The platform's own, more exact state"),
  reason: z.string().nullable().describe('Why it failed'),
  source_blob: z.object({ url: z.string().nullable(), version: z.string(), checksum: z.string().nullable() }),
  buildpacks: z.array(z.object({ url: z.string(), name: z.string() })),
  stack: z.string(),
  output_stream_url: z.string().describe('Readable without a token, for an hour'),
  release: z.object({ id }).nullable(),
  slug: z.object({ id }).nullable(),
  user: userRef,
  created_at: time,
  updated_at: time,
});
export type Build = z.infer<typeof Build>;

const buildParam = appParam.extend({ build: z.string().min(1).describe('Id of the build') });

export const buildEndpoints = {
  listBuilds: endpoint({
    method: 'GET',
    path: '/apps/{app}/builds',
    tag: 'builds',
    summary: 'Builds of an app',
    params: appParam,
    response: z.array(Build),
    range: ['created_at', 'id'],
  }),
  infoBuild: endpoint({
    method: 'GET',
    path: '/apps/{app}/builds/{build}',
    tag: 'builds',
    summary: 'One build',
    params: buildParam,
    response: Build,
  }),
  deleteBuildCache: endpoint({
    method: 'DELETE',
    path: '/apps/{app}/build-cache',
    tag: 'builds',
    summary: 'Purge the build cache of an app: its next build starts from nothing',
    params: appParam,
    response: empty,
  }),
  readBuildOutput: endpoint({
    method: 'GET',
    path: '/apps/{app}/builds/{build}/output',
    tag: 'builds',
    summary: "A build's lines as text, until it ends",
    params: buildParam,
    response: z.string(),
    stream: 'text',
  }),
  readBuildStream: endpoint({
    method: 'GET',
    path: '/build-streams/{secret}',
    tag: 'builds',
    summary: 'The same at the address that a build gives as output_stream_url',
    auth: 'none',
    params: z.object({ secret: z.string() }),
    response: z.string(),
    stream: 'text',
  }),
};
