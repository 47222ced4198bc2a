import type { Settings } from '../config/settings.ts';
import type { App } from '../domain/app.ts';
import { errorCode, PlatformError } from '../domain/errors.ts';
import type { Instance } from '../domain/instance.ts';
import type { Route, RouteTable } from '../domain/route.ts';
import type { Change, Store } from '../domain/store.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { type Logger, silentLogger } from '../system/logger.ts';
import type { ResolverClient } from './resolver-client.ts';
import { RouteFacts } from './route-facts.ts';
import { planPlatform, planRoute } from './route-plan.ts';

export interface RoutePublisherOptions {
  readonly store: Store;
  readonly client: ResolverClient;
  readonly settings: Pick<Settings, 'domain' | 'apiPort'>;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** How long `settled` waits for a resolver that does not answer. */
  readonly settleMs?: number;
}

/** Keeps the resolver's table as the store says, from `start` until `close`. */
export interface RoutePublisher {
  /** Resolves when the publisher follows the store; the first table is then on its way. */
  start(): Promise<void>;
  /** Resolves when the resolver routes the app as the store said at the moment of the call. Throws `unavailable`. */
  settled(appId: string): Promise<void>;
  /**
   * Resolves when the resolver sends nothing more to the instance and nothing is in flight on it, or after `timeoutMs`.
   * A resolver that is down has nothing in flight. Throws `cancelled` when the signal aborts.
   */
  drain(instance: Pick<Instance, 'id' | 'appId'>, timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** The port on which the platform's own doors listen, when the setting left it open (0). Until then they have no route. */
  setApiPort(port: number): void;
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

export function createRoutePublisher(options: RoutePublisherOptions): RoutePublisher {
  return new StorePublisher(options);
}

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One loop, so that never two tables are on the way: gather what changed, read those apps, plan their routes, hand the
 * whole table over. Whatever changes meanwhile is the next round.
 */
class StorePublisher implements RoutePublisher {
  readonly #options: Required<RoutePublisherOptions>;
  readonly #facts: RouteFacts;
  readonly #closing = new AbortController();
  readonly #routes = new Map<string, Route>();
  readonly #changed = new Set<string>();
  readonly #waiters = new Set<Waiter>();
  #everythingChanged = true;
  #tableIsKnown = false;
  #version = 0;
  #revision = 0;
  #wake = Promise.withResolvers<void>();
  #apiPort: number;
  #unsubscribe = () => {};
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: RoutePublisherOptions) {
    this.#options = { logger: silentLogger, clock: systemClock, settleMs: 10_000, ...options };
    this.#facts = new RouteFacts(options.store);
    this.#apiPort = options.settings.apiPort;
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#options.store.changes.subscribe(({ table, appId }) => {
      if (tables.has(table)) this.#appChanged(appId);
    });
    this.#running = Promise.all([this.#publishForever(), this.#watchResolver()]);
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
    const waiter: Waiter = { revision: this.#revision, resolve, reject };
    const { settleMs } = this.#options;
    const late = setTimeout(() => reject(unsettled(settleMs)), settleMs);
    this.#waiters.add(waiter);
    return promise.finally(() => {
      clearTimeout(late);
      this.#waiters.delete(waiter);
    });
  }

  async drain({ id, appId }: Pick<Instance, 'id' | 'appId'>, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { client, logger } = this.#options;
    try {
      // First no table on the way may say that it is live.
      await this.settled(appId);
      const left = await client.drain([id], timeoutMs, signal);
      if (left.requests > 0) logger.warn('requests were still in flight', { instanceId: id, ...left });
    } catch (error) {
      if (errorCode(error) !== 'unavailable') throw error;
      logger.warn('the resolver did not answer; nothing can be in flight through it', { instanceId: id });
    }
  }

  setApiPort(port: number): void {
    this.#apiPort = port;
    this.#everythingChanged = true;
    this.#rouse();
  }

  #appChanged(appId: string): void {
    this.#changed.add(appId);
    this.#revision += 1;
    this.#rouse();
  }

  #rouse(): void {
    this.#wake.resolve();
  }

  async #publishForever(): Promise<void> {
    const { signal } = this.#closing;
    let failing = false;
    while (!signal.aborted) {
      const revision = this.#revision;
      try {
        await this.#round(signal);
        this.#settle(revision);
        failing = false;
      } catch (error) {
        if (signal.aborted) return;
        this.#everythingChanged = true;
        if (!failing) this.#options.logger.warn('the routes could not be published; trying again', { error });
        failing = true;
        await this.#options.clock.sleep(retryMs, signal).catch(() => undefined);
        continue;
      }
      await this.#somethingNew();
    }
  }

  async #somethingNew(): Promise<void> {
    const isPending = this.#changed.size > 0 || this.#everythingChanged;
    if (!isPending && !this.#closing.signal.aborted) await this.#wake.promise;
    this.#wake = Promise.withResolvers();
    // The rest of a transaction's changes arrive in the same turn; together they are one table.
    await new Promise((resolve) => setImmediate(resolve));
  }

  async #round(signal: AbortSignal): Promise<void> {
    const isAll = this.#everythingChanged;
    const changed = [...this.#changed];
    this.#everythingChanged = false;
    this.#changed.clear();
    const differs = isAll ? await this.#planAll() : await this.#planSome(changed);
    if (differs || !this.#tableIsKnown) await this.#publish(signal);
  }

  async #planAll(): Promise<boolean> {
    const apps = await this.#options.store.apps.list();
    this.#routes.clear();
    for (const app of apps) await this.#plan(app);
    return true;
  }

  async #planSome(appIds: readonly string[]): Promise<boolean> {
    let differs = false;
    for (const appId of appIds) {
      const app = await this.#options.store.apps.find(appId);
      if (app) differs = (await this.#plan(app)) || differs;
      else differs = this.#routes.delete(appId) || differs;
    }
    return differs;
  }

  async #plan(app: App): Promise<boolean> {
    const { settings, clock } = this.#options;
    const route = planRoute(await this.#facts.of(app), settings.domain, clock.now());
    const before = this.#routes.get(app.id);
    this.#routes.set(app.id, route);
    return JSON.stringify(before) !== JSON.stringify(route);
  }

  async #publish(signal: AbortSignal): Promise<void> {
    const { client, settings } = this.#options;
    if (!this.#tableIsKnown) this.#version = (await client.table(signal)).version;
    this.#version += 1;
    const table: RouteTable = {
      version: this.#version,
      routes: [...this.#routes.values()],
      platform: this.#apiPort === 0 ? [] : planPlatform(settings.domain, this.#apiPort),
    };
    this.#tableIsKnown = false;
    // Not newer than what the resolver has: somebody else published. Ask for the version, and be newer.
    if (!(await client.publish(table, signal))) return this.#publish(signal);
    this.#tableIsKnown = true;
  }

  #settle(revision: number): void {
    for (const waiter of [...this.#waiters]) if (waiter.revision <= revision) waiter.resolve();
  }

  /** Each time the resolver comes (back), it may have older routes than ours, or none. */
  async #watchResolver(): Promise<void> {
    for await (const event of this.#options.client.presence(this.#closing.signal)) {
      if (event.type !== 'connected') continue;
      this.#everythingChanged = true;
      this.#tableIsKnown = false;
      this.#rouse();
    }
  }
}

function unsettled(ms: number): PlatformError {
  return new PlatformError('unavailable', `The resolver did not take the new routes within ${ms / 1000} s.`, {
    hint: 'See: paas doctor',
  });
}
