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

/** The app and the release whose instances are placed. */
export interface Owner {
  readonly app: Pick<App, 'id'>;
  readonly release: Pick<Release, 'id' | 'version'>;
}

type Wanted = WantedInstance & Partial<Pick<Instance, 'command'>>;

/**
 * Places all of these instances or none: throws `no_capacity` with the numbers. Instances that are in their slots run on until
 * they are retired. To be called in a transaction, so that the counted capacity is still free when it is written.
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

/** The first instance without room. */
export interface Refused {
  readonly wanted: WantedInstance;
  readonly refusal: PlatformError;
}

/** Places the instances in order while there is room. Gives the first refusal; null when all were placed. */
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
 * Asks these instances to stop: the resolver sends them no more requests, those in flight end, then they get SIGTERM.
 * Ignores instances without a row.
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
