import type { Settings } from '../config/settings.ts';
import type { App } from '../domain/app.ts';
import { errorCode, PlatformError } from '../domain/errors.ts';
import type { Instance } from '../domain/instance.ts';
import type { Route } from '../domain/route.ts';
import type { Change, Store } from '../domain/store.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { type Logger, silentLogger } from '../system/logger.ts';
import type { ResolverClient } from './resolver-client.ts';
import { ResolverSet } from './resolver-set.ts';
import { RouteFacts } from './route-facts.ts';
import { RouteHistory } from './route-history.ts';
import { planReserved, planRoute } from './route-plan.ts';

export interface RoutePublisherDeps {
  readonly store: Store;
  /** One for each resolver. */
  readonly clients: readonly ResolverClient[];
  /** The leader's term (RouteTable.version): it outranks what an earlier leader published. */
  readonly term: number;
  /** `apiPort`: the port of the platform's API and git server. */
  readonly settings: Pick<Settings, 'domain' | 'apiPort'>;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** How long `settled` waits for the resolvers. */
  readonly settleMs?: number;
}

/** Keeps the routes of the resolvers up to date with the store, from `start` until `close`. */
export interface RoutePublisher {
  /** Resolves when the publisher follows the store. The first routes are sent afterwards. */
  start(): Promise<void>;
  /**
   * Resolves when every reachable resolver routes the app as the store said at the moment of the call. Throws
   * `unavailable` when none does in time.
   */
  settled(appId: string): Promise<void>;
  /**
   * Resolves when no resolver sends anything more to the instance and nothing is in flight on it, or after `timeoutMs`.
   * A resolver that is down has nothing in flight. Throws `cancelled` when the signal aborts.
   */
  drain(instance: Pick<Instance, 'id' | 'appId'>, timeoutMs: number, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const tables: ReadonlySet<Change['table']> = new Set([
  'apps',
  'domains',
  'formations',
  'instances',
  'releases',
  'traffic',
]);
const retryMs = 200;

export function createRoutePublisher(deps: RoutePublisherDeps): RoutePublisher {
  return new StorePublisher(deps);
}

interface Waiter {
  /** The revision of the store that it waits for. */
  readonly revision: number;
  /** The version of the routes made from that revision. Null until they are planned. */
  version: number | null;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Apps that are planned without a pause when all apps are. Other work of this process waits for no more than these. */
const appsPerBatch = 50;

/**
 * One loop: collect the apps that changed, read them, plan their routes, send these to the resolvers. What changes
 * meanwhile is handled in the next iteration.
 */
class StorePublisher implements RoutePublisher {
  readonly #deps: Required<RoutePublisherDeps>;
  readonly #facts: RouteFacts;
  readonly #history: RouteHistory;
  readonly #resolvers: ResolverSet;
  readonly #closing = new AbortController();
  readonly #changed = new Set<string>();
  readonly #waiters = new Set<Waiter>();
  #everythingChanged = true;
  #revision = 0;
  #wake = Promise.withResolvers<void>();
  #unsubscribe = () => {};
  #running: Promise<unknown> = Promise.resolve();

  constructor(deps: RoutePublisherDeps) {
    this.#deps = { logger: silentLogger, clock: systemClock, settleMs: 10_000, ...deps };
    this.#facts = new RouteFacts(deps.store);
    this.#history = new RouteHistory(deps.term, planReserved(deps.settings.domain, deps.settings.apiPort));
    const { clients, logger } = this.#deps;
    this.#resolvers = new ResolverSet({
      clients,
      history: this.#history,
      logger,
      changed: () => this.#resolveWaiters(),
    });
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#deps.store.changes.subscribe(
      ({ table, appId }) => {
        if (tables.has(table)) this.#appChanged(appId);
      },
      () => this.#anyChanged(),
    );
    this.#running = Promise.all([this.#planForever(), this.#resolvers.run(this.#closing.signal)]);
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#closing.abort();
    this.#rouse();
    await this.#running;
    for (const { reject } of [...this.#waiters]) reject(new PlatformError('cancelled', 'The platform is stopping.'));
  }

  settled(appId: string): Promise<void> {
    this.#appChanged(appId);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { revision: this.#revision, version: null, resolve, reject };
    const { settleMs } = this.#deps;
    const late = setTimeout(() => reject(unsettled(settleMs)), settleMs);
    this.#waiters.add(waiter);
    return promise.finally(() => {
      clearTimeout(late);
      this.#waiters.delete(waiter);
    });
  }

  async drain({ id, appId }: Pick<Instance, 'id' | 'appId'>, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { logger } = this.#deps;
    try {
      // The newest routes must have arrived first, so that no older change makes the instance live again.
      await this.settled(appId);
      const left = await this.#resolvers.drain([id], timeoutMs, signal);
      if (left.requests > 0) logger.warn('requests were still in flight', { instanceId: id, ...left });
    } catch (error) {
      if (errorCode(error) !== 'unavailable') throw error;
      logger.warn('no resolver answered; nothing can be in flight', { instanceId: id });
    }
  }

  #appChanged(appId: string): void {
    this.#changed.add(appId);
    this.#revision += 1;
    this.#rouse();
  }

  #anyChanged(): void {
    this.#everythingChanged = true;
    this.#revision += 1;
    this.#rouse();
  }

  #rouse(): void {
    this.#wake.resolve();
  }

  async #planForever(): Promise<void> {
    const { signal } = this.#closing;
    let failing = false;
    while (!signal.aborted) {
      const revision = this.#revision;
      const isAll = this.#everythingChanged;
      const changed = [...this.#changed];
      this.#everythingChanged = false;
      this.#changed.clear();
      try {
        if (isAll) await this.#planAll();
        else await this.#planSome(changed);
        this.#planned(revision);
        failing = false;
      } catch (error) {
        if (signal.aborted) return;
        this.#everythingChanged ||= isAll;
        for (const appId of changed) this.#changed.add(appId);
        if (!failing) this.#deps.logger.warn('the routes could not be planned; trying again', { error });
        failing = true;
        await this.#deps.clock.sleep(retryMs, signal).catch(() => undefined);
        continue;
      }
      await this.#nextChange();
    }
  }

  async #nextChange(): Promise<void> {
    const isPending = this.#changed.size > 0 || this.#everythingChanged;
    if (!isPending && !this.#closing.signal.aborted) await this.#wake.promise;
    this.#wake = Promise.withResolvers();
    await nextIteration();
  }

  async #planAll(): Promise<void> {
    const apps = await this.#deps.store.apps.list();
    const put: Route[] = [];
    for (const [at, app] of apps.entries()) {
      put.push(await this.#plan(app));
      if (at % appsPerBatch === 0) await nextIteration();
    }
    const known = new Set(apps.map(({ id }) => id));
    this.#history.update({ put, drop: [...this.#history.appIds].filter((appId) => !known.has(appId)) });
  }

  async #planSome(appIds: readonly string[]): Promise<void> {
    const put: Route[] = [];
    const drop: string[] = [];
    for (const appId of appIds) {
      const app = await this.#deps.store.apps.find(appId);
      if (app) put.push(await this.#plan(app));
      else drop.push(appId);
    }
    this.#history.update({ put, drop });
  }

  async #plan(app: App): Promise<Route> {
    const { settings, clock } = this.#deps;
    return planRoute(await this.#facts.of(app), settings.domain, clock.now());
  }

  /** The history has the routes of this revision of the store. */
  #planned(revision: number): void {
    for (const waiter of this.#waiters) if (waiter.revision <= revision) waiter.version ??= this.#history.version;
    this.#resolvers.wake();
    this.#resolveWaiters();
  }

  #resolveWaiters(): void {
    for (const { version, resolve } of [...this.#waiters]) {
      if (version !== null && this.#resolvers.have(version)) resolve();
    }
  }
}

/**
 * Waits for one iteration of the event loop. The other changes of a transaction arrive meanwhile, and together they are
 * one change of routes.
 */
function nextIteration(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function unsettled(ms: number): PlatformError {
  return new PlatformError('unavailable', `No resolver took the new routes within ${ms / 1000} s.`, {
    hint: 'See: paas doctor',
  });
}
