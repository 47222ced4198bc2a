import { mayUse } from '../../domain/access.ts';
import type { Instance } from '../../domain/instance.ts';
import type { Clock } from '../../system/clock.ts';
import { type Contract, contract, type PlatformStatus } from '../contract.ts';
import { openApiDocument } from '../openapi.ts';
import { regionOf, stackOf } from '../region-and-stack.ts';
import type { RouteDeps } from '../route-deps.ts';
import type { Answer, Routes } from '../route-types.ts';

type PlatformRoutes = Pick<
  Routes,
  'health' | 'status' | 'schema' | 'listRegions' | 'listStacks' | 'capacity' | 'listAppCapacity'
>;

export function platformRoutes({ status, settings, clock, store, capacity, memoryUse }: RouteDeps): PlatformRoutes {
  const recent = recentStatus(status, clock);
  let document: Record<string, unknown> | null = null;
  return {
    async health(_, reply) {
      const { version, parts } = await recent();
      const isUp = parts.every(isPartUp);
      if (!isUp) reply.code(503);
      const versions = parts.flatMap((part) => (part.version === null ? [] : [[part.name, part.version] as const]));
      return { status: isUp ? 'ok' : 'degraded', versions: { paas: version, ...Object.fromEntries(versions) } };
    },
    status: () => status(),
    capacity: () => capacity(),
    async listAppCapacity({ actor }) {
      const apps = (await store.apps.list()).filter((app) => mayUse(actor, app));
      const own = new Set(apps.map(({ id }) => id));
      const active = (await store.instances.listActive()).filter(({ appId }) => own.has(appId));
      const used = await memoryUse(active);
      const byApp = Map.groupBy(active, ({ appId }) => appId);
      return apps.map(({ id, name }) => appCapacity({ id, name }, byApp.get(id) ?? [], used));
    },
    schema: async () => {
      document ??= openApiDocument(contract);
      return document;
    },
    async listRegions() {
      const { started_at: since } = await recent();
      return [
        {
          ...regionOf(settings),
          description: 'This platform',
          country: '',
          locale: '',
          private_capable: false,
          provider: { name: 'paas', region: settings.domain },
          created_at: since,
          updated_at: since,
        },
      ];
    },
    async listStacks() {
      const { started_at: since } = await recent();
      return [{ ...stackOf(settings), state: 'public', default: true, created_at: since, updated_at: since }];
    },
  };
}

function appCapacity(
  app: { readonly id: string; readonly name: string },
  instances: readonly Instance[],
  used: ReadonlyMap<string, number>,
): Answer<Contract['listAppCapacity']>[number] {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  const isKnown = instances.every(({ id, state }) => state !== 'up' || used.has(id));
  const bytes = instances.flatMap(({ id }) => used.get(id) ?? []);
  return {
    app,
    instances: instances.length,
    cloudlets: {
      reserved: sum(instances.map(({ size }) => size.reserved)),
      limit: sum(instances.map(({ size }) => size.limit)),
    },
    memory_bytes: isKnown ? sum(bytes) : null,
  };
}

type Part = PlatformStatus['parts'][number];

const isPartUp = ({ state }: Part) => state === 'up';

/** A status asks the engine and git, and anybody may call the health check. */
const freshMs = 1_000;

/** Asks for one status at a time. Reuses it for a second when all parts are up; else the next call asks again. */
function recentStatus(status: () => Promise<PlatformStatus>, clock: Clock): () => Promise<PlatformStatus> {
  let asking: Promise<PlatformStatus> | null = null;
  let good: { readonly status: PlatformStatus; readonly atMs: number } | null = null;
  const ask = async () => {
    const answered = await status();
    good = answered.parts.every(isPartUp) ? { status: answered, atMs: clock.monotonicMs() } : null;
    return answered;
  };
  return async () => {
    if (good && clock.monotonicMs() - good.atMs < freshMs) return good.status;
    asking ??= ask().finally(() => {
      asking = null;
    });
    return asking;
  };
}
