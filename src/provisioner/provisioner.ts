import { platformActor } from '../domain/actor.ts';
import { eventOf } from '../domain/event.ts';
import { oneShotTypes } from '../domain/formation.ts';
import { processName } from '../domain/instance.ts';
import type { Change, Store, StoreTables } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import { Recurring } from '../system/recurring.ts';
import { Turns } from '../system/turns.ts';
import { placeWhatFits, retire } from './placing.ts';
import { type Plan, plan } from './plan.ts';

const lookAgainMs = 60_000;
/** A crowd of instances that ends is one chance for those without room, not a hundred. */
const roomAgainMs = 1000;

export interface ProvisionerDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What never changes of the release that an app runs now. */
interface CurrentRelease {
  readonly id: string;
  readonly version: number;
  readonly types: ReadonlySet<string>;
}

/** Keeps every app's current release at its formation: decides what should run, and never looks at what does. */
export class Provisioner {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #turns = new Turns();
  readonly #soon = new Set<string>();
  readonly #current = new Map<string, CurrentRelease>();
  /** Apps for which there was no room; they are looked at again whenever something somewhere has ended. */
  readonly #short = new Set<string>();
  /** What was missed or failed is seen on the next round. */
  readonly #rounds: Recurring;
  #room: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => undefined;
  #closed = false;

  constructor({ store, clock, logger }: ProvisionerDependencies) {
    this.#store = store;
    this.#logger = logger;
    const work = async () => this.#convergeAll();
    this.#rounds = new Recurring({ what: 'look at every app', everyMs: lookAgainMs, work, clock, logger });
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#store.changes.subscribe((change) => this.#hear(change));
    await this.#rounds.start();
  }

  /** Resolves when nothing is written any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#room);
    await this.#rounds.close();
    await this.#turns.idle();
  }

  #hear({ table, appId }: Change): void {
    if (table !== 'instances' && table !== 'formations' && table !== 'apps') return;
    this.#convergeSoon(appId);
    if (table === 'instances' && this.#short.size > 0) this.#roomAgain();
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
      this.#turns
        .run(appId, () => this.#converge(appId))
        .catch((error: unknown) => {
          this.#logger.warn('an app could not be brought to its formation', { error, appId });
        });
    });
  }

  async #convergeAll(): Promise<void> {
    for (const app of await this.#store.apps.list()) this.#convergeSoon(app.id);
  }

  /** Looks without a transaction first: mostly nothing is to be done. */
  async #converge(appId: string): Promise<void> {
    if (isEmpty((await this.#planFor(appId, this.#store))?.plan)) {
      this.#short.delete(appId);
      return;
    }
    await this.#store.transaction(async (tables) => {
      const found = await this.#planFor(appId, tables);
      if (!found) return;
      await retire(tables, found.plan.scaledDown, 'scaled_down');
      const owner = { app: { id: appId }, release: found.release };
      const refused = await placeWhatFits(tables, owner, found.plan.create);
      if (!refused) {
        this.#short.delete(appId);
      } else if (!this.#short.has(appId)) {
        this.#short.add(appId);
        const process = processName(refused.wanted);
        const data = { instanceId: '', process, release: found.release.version, reason: refused.refusal.message };
        await tables.events.append(eventOf('instance.refused', platformActor, { appId, data }));
      }
    });
  }

  /** Null for an app that has nothing to run, or is gone. */
  async #planFor(
    appId: string,
    tables: StoreTables,
  ): Promise<{ readonly release: CurrentRelease; readonly plan: Plan } | null> {
    const release = await this.#currentOf(appId, tables);
    if (!release) return null;
    const active = await tables.instances.listActive(appId);
    const newest = await tables.instances.listNewestOf(release.id);
    const formation = await tables.formations.list(appId);
    const facts = { releaseId: release.id, types: release.types, formation, instances: [...active, ...newest] };
    return { release, plan: plan(facts) };
  }

  /** A release is unsealed to be read, and this is asked with every change of an instance. */
  async #currentOf(appId: string, tables: StoreTables): Promise<CurrentRelease | null> {
    const app = await tables.apps.find(appId);
    const known = this.#current.get(appId);
    if (app?.currentReleaseId && known?.id === app.currentReleaseId) return known;
    this.#current.delete(appId);
    const release = app?.currentReleaseId ? await tables.releases.find(app.currentReleaseId) : null;
    const artifact = release?.artifactId ? await tables.artifacts.find(release.artifactId) : null;
    if (!release || !artifact) return null;
    const types = new Set(artifact.processes.map(({ type }) => type).filter((type) => !oneShotTypes.has(type)));
    const current = { id: release.id, version: release.version, types };
    this.#current.set(appId, current);
    return current;
  }
}

function isEmpty(wanted: Plan | undefined): boolean {
  return wanted === undefined || (wanted.create.length === 0 && wanted.scaledDown.length === 0);
}
