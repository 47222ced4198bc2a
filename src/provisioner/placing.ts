import { hostLoads } from '../cluster/capacity.ts';
import { type Admission, place } from '../cluster/placement.ts';
import { platformActor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import { eventOf, instanceFacts } from '../domain/event.ts';
import type { Instance, StopReason } from '../domain/instance.ts';
import type { Release } from '../domain/release.ts';
import type { StoreTables } from '../domain/store.ts';
import { isWanted, type WantedInstance } from './plan.ts';

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
export function placeInstances(
  tables: StoreTables,
  owner: Owner,
  wanted: readonly Wanted[],
): Promise<readonly Instance[]> {
  return placeAs('new', wanted, { tables, owner });
}

/** Does the same for instances that replace others of their app: they may use the reserve for deploys. */
export function placeBeside(
  tables: StoreTables,
  owner: Owner,
  wanted: readonly Wanted[],
): Promise<readonly Instance[]> {
  return placeAs('replacement', wanted, { tables, owner });
}

/** Does the same where they do not fit. Throws `no_capacity` only when no host takes instances. */
export function placeAnyway(
  tables: StoreTables,
  owner: Owner,
  wanted: readonly Wanted[],
): Promise<readonly Instance[]> {
  return placeAs('anyway', wanted, { tables, owner });
}

/**
 * Throws `no_capacity` with the numbers if these would have no room when others of the app have left: `leaving`, and those
 * that were asked to stop before. Growth is refused by this. Where they have no room beside each other they are placed in turns.
 */
export async function checkRoom(
  tables: StoreTables,
  app: Pick<App, 'id'>,
  { needed, leaving }: { readonly needed: readonly Pick<Instance, 'size'>[]; readonly leaving: readonly Instance[] },
): Promise<void> {
  const gone = new Set(leaving.map(({ id }) => id));
  const staying = (await tables.instances.listActive()).filter(
    (one) => !gone.has(one.id) && (one.appId !== app.id || isWanted(one)),
  );
  place(
    hostLoads(await tables.hosts.list(), staying),
    needed.map(({ size }) => size.reserved),
  );
}

async function placeAs(
  admission: Admission,
  wanted: readonly Wanted[],
  { tables, owner }: { readonly tables: StoreTables; readonly owner: Owner },
): Promise<readonly Instance[]> {
  const loads = hostLoads(await tables.hosts.list(), await tables.instances.listActive());
  const sizes = wanted.map(({ size }) => size.reserved);
  const hosts = place(loads, sizes, { admission });
  const placed: Instance[] = [];
  for (const [index, one] of wanted.entries()) {
    const host = hosts[index];
    if (host) placed.push(await create(tables, owner, { ...one, hostId: host.id }));
  }
  return placed;
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
