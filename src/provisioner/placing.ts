import { hostLoads } from '../cluster/capacity.ts';
import { place } from '../cluster/placement.ts';
import { platformActor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import { errorCode, type PlatformError } from '../domain/errors.ts';
import { eventOf, instanceFacts } from '../domain/event.ts';
import type { Instance, StopReason } from '../domain/instance.ts';
import type { Release } from '../domain/release.ts';
import type { StoreTables } from '../domain/store.ts';
import type { WantedInstance } from './plan.ts';

/** Whose instances are placed. */
export interface Owner {
  readonly app: Pick<App, 'id'>;
  readonly release: Pick<Release, 'id' | 'version'>;
}

type Wanted = WantedInstance & Partial<Pick<Instance, 'command'>>;

/**
 * Places all of these, or none: throws `no_capacity` with the numbers. What is in their slots goes on until it is
 * retired. For a transaction, so that what was counted is still true when it is written.
 */
export async function placeInstances(
  tables: StoreTables,
  owner: Owner,
  wanted: readonly Wanted[],
): Promise<readonly Instance[]> {
  const loads = hostLoads(await tables.hosts.list(), await tables.instances.listActive());
  const hosts = place(
    loads,
    wanted.map(({ size }) => size),
  );
  const placed: Instance[] = [];
  for (const [index, one] of wanted.entries()) {
    const host = hosts[index];
    if (host) placed.push(await create(tables, owner, { ...one, hostId: host.id }));
  }
  return placed;
}

/** The first for which there was no room. */
export interface Refused {
  readonly wanted: WantedInstance;
  readonly refusal: PlatformError;
}

/** Places what there is room for, in order. Gives the first refusal when there was none for the rest. */
export async function placeWhatFits(
  tables: StoreTables,
  owner: Owner,
  wanted: readonly Wanted[],
): Promise<Refused | null> {
  for (const one of wanted) {
    try {
      await placeInstances(tables, owner, [one]);
    } catch (error) {
      if (errorCode(error) !== 'no_capacity') throw error;
      return { wanted: one, refusal: error as PlatformError };
    }
  }
  return null;
}

/**
 * Asks these to stop: first the resolver takes them out, then what is in flight ends, then they get SIGTERM. Those that
 * are gone already are left.
 */
export async function retire(
  tables: StoreTables,
  instances: readonly Pick<Instance, 'id'>[],
  reason: StopReason,
): Promise<void> {
  for (const { id } of instances) if (await tables.instances.find(id)) await tables.instances.desireStopped(id, reason);
}

async function create(
  tables: StoreTables,
  { app, release }: Owner,
  { type, slot, size, notBefore, failures, command = null, hostId }: Wanted & { readonly hostId: string },
): Promise<Instance> {
  const instance = await tables.instances.create({
    appId: app.id,
    workload: { kind: 'release', releaseId: release.id },
    hostId,
    type,
    slot,
    size,
    command,
    notBefore,
    failures,
  });
  const startsInMs = notBefore ? Math.max(0, notBefore.getTime() - instance.createdAt.getTime()) : 0;
  const data = { ...instanceFacts(instance, release.version), failures, startsInMs };
  await tables.events.append(eventOf('instance.placed', platformActor, { appId: app.id, data }));
  return instance;
}
