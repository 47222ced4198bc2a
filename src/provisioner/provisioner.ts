import { hostLoads } from '../cluster/capacity.ts';
import { place } from '../cluster/placement.ts';
import { platformActor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import type { Cloudlets } from '../domain/cloudlet.ts';
import { eventOf } from '../domain/event.ts';
import { type FormationEntry, oneShotTypes } from '../domain/formation.ts';
import { type Instance, isFinal, processName, type StopReason } from '../domain/instance.ts';
import type { Logger } from '../domain/logger.ts';
import type { Release } from '../domain/release.ts';
import type { Store, StoreTables } from '../domain/store.ts';
import { Turns } from '../domain/turns.ts';
import { plan, type WantedInstance } from './plan.ts';

/** How far back a slot's history is read; older exits do not change the restart policy's verdict. */
const historyRows = 600;

const retryEveryMs = 60_000;

/** A place for one instance of a release. */
export type Slot = Pick<WantedInstance, 'type' | 'slot' | 'size'>;

/** Decides what should run, and where: the only writer of instances' desired state. */
export class Provisioner {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #turns = new Turns();
  readonly #soon = new Set<string>();
  #retry: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => undefined;

  constructor({ store, logger }: { readonly store: Store; readonly logger: Logger }) {
    this.#store = store;
    this.#logger = logger;
  }

  /** From now on every app's current release is kept at its formation. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#store.changes.subscribe((change) => {
      if (change.table === 'instances' || change.table === 'formations' || change.table === 'apps')
        this.#convergeSoon(change.appId);
    });
    // What had no room is tried again although nothing of its own app changed.
    this.#retry = setInterval(() => void this.#convergeAll().catch(() => undefined), retryEveryMs);
    await this.#convergeAll();
  }

  async close(): Promise<void> {
    clearInterval(this.#retry);
    this.#unsubscribe();
  }

  /**
   * Places a release's instances beside whatever runs: of the types given, in the formation's quantity, all or none.
   * Throws `no_capacity` with the numbers.
   */
  async placeRelease(app: App, release: Release, entries: readonly FormationEntry[]): Promise<readonly Instance[]> {
    const wanted = entries.flatMap((entry) => slotsOf(entry));
    return this.#store.transaction((tables) =>
      this.#create(tables, { app, releaseId: release.id, release: release.version, wanted }),
    );
  }

  /** Places another instance in each of these slots. What is in them goes on until `retire`. */
  async placeAgain(app: App, release: Release, slots: readonly Slot[]): Promise<readonly Instance[]> {
    const wanted = slots.map(({ type, slot, size }) => ({ type, slot, size, notBefore: null, failures: 0 }));
    return this.#store.transaction((tables) =>
      this.#create(tables, { app, releaseId: release.id, release: release.version, wanted }),
    );
  }

  /** A one-shot of the release, in a slot of its own. Throws `no_capacity`. */
  async placeOneShot(app: App, release: Release, { type, slot, size }: Slot): Promise<Instance> {
    const wanted = [{ type, slot, size, notBefore: null, failures: 0 }];
    const [instance] = await this.#store.transaction((tables) =>
      this.#create(tables, { app, releaseId: release.id, release: release.version, wanted }),
    );
    if (!instance) throw new Error('unreachable: one was wanted');
    return instance;
  }

  /** Throws `no_capacity` unless the app's formation, changed so, has room beside all the rest. */
  async check(appId: string, formation: readonly FormationEntry[], types: ReadonlySet<string>): Promise<void> {
    const loads = hostLoads(
      await this.#store.hosts.list(),
      (await this.#store.instances.listActive()).filter((instance) => instance.appId !== appId),
    );
    const cloudlets = formation.reduce(
      (sum, entry) => sum + (types.has(entry.type) ? entry.quantity * entry.size : 0),
      0,
    );
    if (cloudlets > 0) place(loads, { count: 1, size: cloudlets });
  }

  /** Asks these to stop: first the resolver takes them out, then what is in flight ends, then they get SIGTERM. */
  async retire(instances: readonly Instance[], reason: StopReason): Promise<void> {
    for (const instance of instances) await this.#store.instances.desireStopped(instance.id, reason);
  }

  /** Brings the app's current release to its formation now. Called by itself after every change. */
  async converge(appId: string): Promise<void> {
    await this.#turns.run(appId, async () => {
      const app = await this.#store.apps.find(appId);
      const release = app?.currentReleaseId ? await this.#store.releases.find(app.currentReleaseId) : null;
      const artifact = release?.artifactId ? await this.#store.artifacts.find(release.artifactId) : null;
      if (!app || !release || !artifact) return;
      const types = new Set(artifact.processes.map(({ type }) => type).filter((type) => !oneShotTypes.has(type)));
      const facts = {
        releaseId: release.id,
        types,
        formation: await this.#store.formations.list(appId),
        instances: await this.#store.instances.list(appId, historyRows),
      };
      const { create, stop } = plan(facts);
      for (const { id, reason } of stop) await this.#store.instances.desireStopped(id, reason);
      if (create.length > 0) {
        await this.#store.transaction((tables) =>
          this.#create(tables, { app, releaseId: release.id, release: release.version, wanted: create }),
        );
      }
    });
  }

  async #create(
    tables: StoreTables,
    {
      app,
      releaseId,
      release,
      wanted,
    }: { app: App; releaseId: string; release: number; wanted: readonly WantedInstance[] },
  ): Promise<readonly Instance[]> {
    const hosts = await tables.hosts.list();
    const active = [...(await tables.instances.listActive())];
    // All of one size are placed together, so that a refusal names what is missing for the whole, not for the last one.
    for (const [size, count] of countBySize(wanted)) place(hostLoads(hosts, active), { count, size });
    const created: Instance[] = [];
    for (const { type, slot, size, notBefore, failures } of wanted) {
      const { host } = place(hostLoads(hosts, active), { count: 1, size });
      const instance = await tables.instances.create({
        appId: app.id,
        releaseId,
        hostId: host.id,
        type,
        slot,
        size,
        command: null,
        notBefore,
        failures,
      });
      active.push(instance);
      created.push(instance);
      const data = { instanceId: instance.id, process: processName(instance), release };
      await tables.events.append(eventOf('instance.placed', platformActor, { appId: app.id, data }));
    }
    return created;
  }

  /** Many changes of one moment are one look. */
  #convergeSoon(appId: string): void {
    if (this.#soon.has(appId)) return;
    this.#soon.add(appId);
    setImmediate(() => {
      this.#soon.delete(appId);
      this.converge(appId).catch((error: unknown) => {
        this.#logger.warn('an app could not be brought to its formation', { error, appId });
      });
    });
  }

  async #convergeAll(): Promise<void> {
    for (const app of await this.#store.apps.list()) this.#convergeSoon(app.id);
  }
}

/** Every slot of a formation's entry, as a new instance. */
function slotsOf({ type, quantity, size }: FormationEntry): readonly WantedInstance[] {
  return Array.from({ length: quantity }, (_, index) => ({
    type,
    slot: index + 1,
    size,
    notBefore: null,
    failures: 0,
  }));
}

function countBySize(wanted: readonly WantedInstance[]): ReadonlyMap<Cloudlets, number> {
  const counts = new Map<Cloudlets, number>();
  for (const { size } of wanted) counts.set(size, (counts.get(size) ?? 0) + 1);
  return counts;
}

/** Instances of a release that should be up. */
export function wantedUp(instances: readonly Instance[], releaseId: string): readonly Instance[] {
  return instances.filter(
    (instance) => instance.releaseId === releaseId && instance.desired === 'up' && !isFinal(instance.state),
  );
}
