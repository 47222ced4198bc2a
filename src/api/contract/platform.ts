import { z } from 'zod';
import { endpoint, id, time } from './endpoint.ts';

/** The source of `paas doctor` and the health check. The orchestrator makes it; the API passes it on. */
export const PlatformStatus = z.object({
  platform_id: z.string(),
  version: z.string(),
  domain: z.string(),
  started_at: time,
  /** `engine`, `resolver`, `store`, `stacks`, `node`, `git` and so on. */
  parts: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['up', 'down']),
      version: z.string().nullable(),
      detail: z.string().nullable(),
    }),
  ),
  capacity: z.object({
    cloudlets_total: z.number().int(),
    cloudlets_promisable: z.number().int().describe('How many may be reserved: total times overcommit'),
    cloudlets_promised: z.number().int().describe('How many are reserved for instances'),
    cloudlets_kept: z.number().int().describe('How many only deploys and restarts may use'),
    overcommit: z.number(),
    cloudlet_memory_bytes: z.number().int(),
    cloudlet_cpu_mhz: z.number().int(),
  }),
  checks: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['ok', 'warning', 'failed']),
      message: z.string(),
      /** What to type or change next. */
      fix: z.string().nullable(),
    }),
  ),
});
export type PlatformStatus = z.infer<typeof PlatformStatus>;

/**
 * Health is not readiness: it says that every part answers, whether or not this orchestrator leads. Reads work without
 * a leader; a change waits up to 10 s for one. The platform is ready when the launcher says so, after the orchestrator
 * leads.
 */
export const Health = z.object({
  status: z.enum(['ok', 'degraded']),
  versions: z.record(z.string(), z.string()),
});
export type Health = z.infer<typeof Health>;

export const Region = z.object({
  id,
  name: z.string(),
  description: z.string(),
  country: z.string(),
  locale: z.string(),
  private_capable: z.boolean(),
  provider: z.object({ name: z.string(), region: z.string() }),
  created_at: time,
  updated_at: time,
});
export type Region = z.infer<typeof Region>;

export const Stack = z.object({
  id,
  name: z.string(),
  state: z.literal('public'),
  default: z.boolean(),
  created_at: time,
  updated_at: time,
});
export type Stack = z.infer<typeof Stack>;

export const platformEndpoints = {
  health: endpoint({
    method: 'GET',
    path: '/healthz',
    tag: 'platform',
    summary: 'Versions of the parts; 503 when a part does not answer',
    auth: 'none',
    response: Health,
  }),
  status: endpoint({
    method: 'GET',
    path: '/platform/status',
    tag: 'platform',
    summary: 'Parts, versions, capacity and checks of the platform',
    response: PlatformStatus,
  }),
  schema: endpoint({
    method: 'GET',
    path: '/schema',
    tag: 'platform',
    summary: 'This API as an OpenAPI 3.1 document',
    auth: 'none',
    response: z.record(z.string(), z.unknown()),
  }),
  listRegions: endpoint({
    method: 'GET',
    path: '/regions',
    tag: 'platform',
    summary: 'Regions that an app can be in',
    response: z.array(Region),
    range: ['id', 'name'],
  }),
  listStacks: endpoint({
    method: 'GET',
    path: '/stacks',
    tag: 'platform',
    summary: 'Stacks that an app can be built on',
    response: z.array(Stack),
    range: ['id', 'name'],
  }),
};
