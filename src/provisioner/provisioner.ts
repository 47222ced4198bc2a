import { platformActor } from '../domain/actor.ts';
import { eventOf } from '../domain/event.ts';
import { formationTypes } from '../domain/formation.ts';
import { processName } from '../domain/instance.ts';
import type { Leases } from '../domain/leases.ts';
import type { Change, Store, StoreTables } from '../domain/store.ts';
import { servingReleases } from '../domain/traffic.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import { Recurring } from '../system/recurring.ts';
import { placeWhatFits, type Refused, retire } from './placing.ts';
import { type Plan, plan } from './plan.ts';

const tables: ReadonlySet<Change['table']> = new Set(['instances', 'formations', 'traffic', 'apps']);
const lookAgainMs = 60_000;
/** A crowd of instances that ends is one chance for those without room, not a hundred. */
const roomAgainMs = 1000;

export interface ProvisionerDeps {
  readonly store: Store;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What never changes of a release that an app runs now. */
interface ServingRelease {
  readonly id: string;
  readonly version: number;
  readonly types: ReadonlySet<string>;
}

/** Keeps every release that gets requests at its app's formation: decides what should run, and never looks at what does. */
export class Provisioner {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #leases: Leases;
  /** Looks under way or waiting. */
  readonly #looks = new Set<Promise<void>>();
  readonly #soon = new Set<string>();
  /** By app. */
  readonly #serving = new Map<string, readonly ServingRelease[]>();
  /** Apps for which there was no room; they are looked at again whenever something somewhere has ended. */
  readonly #short = new Set<string>();
  /** What was missed or failed is seen on the next round. */
  readonly #rounds: Recurring;
  #room: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => undefined;
  #closed = false;

  constructor({ store, leases, clock, logger }: ProvisionerDeps) {
    this.#store = store;
    this.#leases = leases;
    this.#logger = logger;
    const work = async () => this.#convergeAll();
    this.#rounds = new Recurring({ what: 'look at every app', everyMs: lookAgainMs, work, clock, logger });
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#store.changes.subscribe(
      (change) => this.#hear(change),
      () => this.#lookAgain(),
    );
    await this.#rounds.start();
  }

  /** Resolves when nothing is written any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#room);
    await this.#rounds.close();
    await Promise.all(this.#looks);
  }

  #hear({ table, appId }: Change): void {
    if (!tables.has(table)) return;
    this.#convergeSoon(appId);
    if (table === 'instances' && this.#short.size > 0) this.#roomAgain();
  }

  #lookAgain(): void {
    this.#convergeAll().catch((error: unknown) => this.#logger.warn('not every app could be looked at', { error }));
  }

  #roomAgain(): void {
    this.#room ??= setTimeout(() => {
      this.#room = undefined;
      for (const appId of this.#short) this.#convergeSoon(appId);
    }, roomAgainMs);
  }

  /** Many changes of one moment are one look. */
  #convergeSoon(appId: string): void {
    if (this.#soon.has(appId) || this.#closed) return;
    this.#soon.add(appId);
    setImmediate(() => {
      this.#soon.delete(appId);
      if (this.#closed) return;
      this.#look(appId);
    });
  }

  #look(appId: string): void {
    const converge = () => this.#converge(appId);
    const look = this.#leases
      .hold(`round/formation/${appId}`, converge, { purpose: 'a look at the formation' })
      .catch((error: unknown) => {
        this.#logger.warn('an app could not be brought to its formation', { error, appId });
      })
      .finally(() => this.#looks.delete(look));
    this.#looks.add(look);
  }

  async #convergeAll(): Promise<void> {
    for (const app of await this.#store.apps.list()) this.#convergeSoon(app.id);
  }

  /** Looks without a transaction first: mostly nothing is to be done. */
  async #converge(appId: string): Promise<void> {
    if ((await this.#plansFor(appId, this.#store)).length === 0) {
      this.#short.delete(appId);
      return;
    }
    await this.#store.transaction(async (tables) => {
      const plans = await this.#plansFor(appId, tables);
      for (const { plan } of plans) await retire(tables, plan.scaledDown, 'scaled_down');
      let hasRoom = true;
      for (const { release, plan } of plans) {
        const refused = await placeWhatFits(tables, { app: { id: appId }, release }, plan.create);
        if (!refused) continue;
        hasRoom = false;
        if (!this.#short.has(appId)) await appendRefused(tables, { appId, release, refused });
        this.#short.add(appId);
      }
      if (hasRoom) this.#short.delete(appId);
    });
  }

  /** Of each release that is not as it should be. */
  async #plansFor(appId: string, tables: StoreTables): Promise<readonly ReleasePlan[]> {
    const plans: ReleasePlan[] = [];
    for (const release of await this.#servingOf(appId, tables)) {
      const active = await tables.instances.listActive(appId);
      const newest = await tables.instances.listNewestOf(release.id);
      const formation = await tables.formations.list(appId);
      const facts = { releaseId: release.id, types: release.types, formation, instances: [...active, ...newest] };
      const planned = plan(facts);
      if (planned.create.length > 0 || planned.scaledDown.length > 0) plans.push({ release, plan: planned });
    }
    return plans;
  }

  /** Those that have something to run. A release is unsealed to be read, and this is asked with every change of an instance. */
  async #servingOf(appId: string, tables: StoreTables): Promise<readonly ServingRelease[]> {
    const ids = servingReleases(await tables.traffic.list(appId));
    const known = this.#serving.get(appId) ?? [];
    const serving: ServingRelease[] = [];
    for (const id of ids) {
      const release = known.find((one) => one.id === id) ?? (await readRelease(id, tables));
      if (release) serving.push(release);
    }
    if (serving.length > 0) this.#serving.set(appId, serving);
    else this.#serving.delete(appId);
    return serving;
  }
}

interface ReleasePlan {
  readonly release: ServingRelease;
  readonly plan: Plan;
}

async function readRelease(id: string, tables: StoreTables): Promise<ServingRelease | null> {
  const release = await tables.releases.find(id);
  const artifact = release?.artifactId ? await tables.artifacts.find(release.artifactId) : null;
  if (!release || !artifact) return null;
  const types = new Set(formationTypes(artifact));
  return { id, version: release.version, types };
}

async function appendRefused(
  tables: StoreTables,
  { appId, release, refused }: { readonly appId: string; readonly release: ServingRelease; readonly refused: Refused },
): Promise<void> {
  const { type, size } = refused.wanted;
  const data = {
    instanceId: null,
    hostId: null,
    process: processName(refused.wanted),
    type,
    size,
    release: release.version,
    reason: refused.refusal.message,
  };
  await tables.events.append(eventOf('instance.refused', platformActor, { appId, data }));
}
