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
import { retire } from './placing.ts';
import { type Plan, plan } from './plan.ts';
import { fillSlots, type Refused } from './turns.ts';

const tables: ReadonlySet<Change['table']> = new Set(['instances', 'formations', 'traffic', 'apps']);
const lookEveryMs = 60_000;
/** Many instances that end at once are one new try for the apps without room. */
const roomRetryMs = 1000;

export interface ProvisionerDeps {
  readonly store: Store;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The facts of a release with traffic. They never change. */
interface ServingRelease {
  readonly id: string;
  readonly version: number;
  readonly types: ReadonlySet<string>;
}

/** Keeps every release with traffic at its app's formation. Writes the desired state only, and never asks an engine. */
export class Provisioner {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #leases: Leases;
  readonly #clock: Clock;
  /** Looks that run or wait. */
  readonly #looks = new Set<Promise<void>>();
  readonly #soon = new Set<string>();
  /** By app. */
  readonly #serving = new Map<string, readonly ServingRelease[]>();
  /** Apps without room. They get another look whenever an instance anywhere changes. */
  readonly #withoutRoom = new Set<string>();
  /** A round finds missed changes, and tries again what failed. */
  readonly #rounds: Recurring;
  #roomTimer: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => undefined;
  #closed = false;

  constructor({ store, leases, clock, logger }: ProvisionerDeps) {
    this.#store = store;
    this.#leases = leases;
    this.#clock = clock;
    this.#logger = logger;
    const work = async () => this.#convergeAll();
    this.#rounds = new Recurring({ what: 'look at every app', everyMs: lookEveryMs, work, clock, logger });
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#store.changes.subscribe(
      (change) => this.#changed(change),
      () => this.#lookAgain(),
    );
    await this.#rounds.start();
  }

  /** Resolves when all looks have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#roomTimer);
    await this.#rounds.close();
    await Promise.all(this.#looks);
  }

  #changed({ table, appId }: Change): void {
    if (!tables.has(table)) return;
    this.#convergeSoon(appId);
    if (table === 'instances' && this.#withoutRoom.size > 0) this.#retryWithoutRoom();
  }

  #lookAgain(): void {
    this.#convergeAll().catch((error: unknown) => this.#logger.warn('the formations could not be checked', { error }));
  }

  #retryWithoutRoom(): void {
    this.#roomTimer ??= setTimeout(() => {
      this.#roomTimer = undefined;
      for (const appId of this.#withoutRoom) this.#convergeSoon(appId);
    }, roomRetryMs);
  }

  /** Changes of one moment are one look. */
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

  /** Plans outside a transaction first, because the plan is mostly empty. */
  async #converge(appId: string): Promise<void> {
    if ((await this.#plansFor(appId, this.#store)).length === 0) {
      this.#withoutRoom.delete(appId);
      return;
    }
    await this.#store.transaction(async (tables) => {
      const plans = await this.#plansFor(appId, tables);
      for (const { plan } of plans) await retire(tables, plan.scaledDown, 'scaled_down');
      let hasRoom = true;
      for (const { release, plan } of plans) {
        const facts = { wanted: plan.create, now: this.#clock.now() };
        const refused = await fillSlots(tables, { app: { id: appId }, release }, facts);
        if (!refused) continue;
        hasRoom = false;
        if (!this.#withoutRoom.has(appId)) await appendRefused(tables, { appId, release, refused });
        this.#withoutRoom.add(appId);
      }
      if (hasRoom) this.#withoutRoom.delete(appId);
    });
  }

  /** The plans of the releases that are not complete. */
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

  /** The releases with traffic and an artifact. Cached, because each change of an instance asks, and reading a release decrypts its config. */
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
    ...size,
    release: release.version,
    reason: refused.refusal.message,
  };
  await tables.events.append(eventOf('instance.refused', platformActor, { appId, data }));
}
