import { z } from 'zod';
import { appRef, endpoint, id, time } from './endpoint.ts';
import { Cloudlets } from './formation.ts';

/** What is promised, used and free on all hosts together. */
export const PlatformCapacity = z.object({
  cloudlets_total: z.number().int(),
  cloudlets_promisable: z.number().int().describe('How many may be reserved: total times overcommit'),
  cloudlets_promised: z.number().int().describe('How many are reserved for instances'),
  cloudlets_kept: z.number().int().describe('How many only deploys and restarts may use'),
  overcommit: z.number(),
  memory_total_bytes: z.number().int().nullable().describe('Memory of the hosts; null when one does not answer'),
  memory_free_bytes: z.number().int().nullable().describe('What programs can still take of it'),
  cloudlet_memory_bytes: z.number().int(),
  cloudlet_cpu_mhz: z.number().int(),
});
export type PlatformCapacity = z.infer<typeof PlatformCapacity>;

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
  capacity: PlatformCapacity,
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

/** What an app has of the platform's capacity. */
const AppCapacity = z.object({
  app: appRef,
  instances: z.number().int().describe('Active ones, one-offs too'),
  cloudlets: Cloudlets.describe('Their sum'),
  memory_bytes: z.number().int().nullable().describe('What they use now; null when that is unknown of one that is up'),
});

export const platformEndpoints = {
  capacity: endpoint({
    method: 'GET',
    path: '/platform/capacity',
    tag: 'platform',
    summary: 'What is promised, used and free',
    response: PlatformCapacity,
  }),
  listAppCapacity: endpoint({
    method: 'GET',
    path: '/platform/apps',
    tag: 'platform',
    summary: 'What each app of the account has reserved and uses',
    response: z.array(AppCapacity),
  }),
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
