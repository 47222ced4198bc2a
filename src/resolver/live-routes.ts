import type {
  ReservedRoute,
  Route,
  RouteChange,
  RouteState,
  RouteTable,
  Target as TargetFacts,
} from '../domain/route.ts';
import { Balancer } from './balancer.ts';
import { HeldRequests } from './held-requests.ts';
import { HostnameIndex } from './hostname-index.ts';
import { KeepAlive } from './keep-alive.ts';
import { type Load, Target } from './target.ts';
import { defaultTiming, type Patience, reservedPatience, type Timing } from './timing.ts';

/** What serves a URL: an app, or the platform itself behind a reserved hostname. */
export interface Destination {
  /** Null for reserved hostnames. */
  readonly appId: string | null;
  readonly name: string;
  readonly state: RouteState;
  /** Of a crashed app: when it is started again, in milliseconds since 1970 UTC. Null when that is not known. */
  readonly startsAtMs: number | null;
  /** Draining ones too, which the balancer skips. */
  readonly targets: readonly Target[];
  readonly balancer: Balancer;
  readonly keepAlive: KeepAlive;
  readonly patience: Patience;
}

export interface TargetStats extends Load {
  readonly instanceId: string;
  readonly name: string;
  readonly draining: boolean;
  readonly quarantined: boolean;
}

/** An app's route and the destination made of it. */
interface LiveRoute {
  readonly route: Route;
  readonly destination: Destination;
}

/**
 * The routes in use. They are changed in place, between two requests. An instance that stays keeps its requests in
 * flight, and a balancer its state. An instance that left is kept until its last request has ended.
 */
export class LiveRoutes {
  readonly held: HeldRequests;
  readonly #timing: Timing;
  readonly #index = new HostnameIndex<Destination>();
  readonly #apps = new Map<string, LiveRoute>();
  readonly #reserved = new Map<string, Destination>();
  readonly #targets = new Map<string, Target>();
  readonly #retired = new Set<Target>();
  #reservedRoutes: readonly ReservedRoute[] = [];
  #version = 0;

  constructor(timing: Timing = defaultTiming) {
    this.#timing = timing;
    this.held = new HeldRequests(timing);
  }

  /** The version of the table in use. 0 when there is none. */
  get version(): number {
    return this.#version;
  }

  get routeCount(): number {
    return this.#apps.size;
  }

  get targetCount(): number {
    return this.#targets.size + this.#retired.size;
  }

  /** The routes as they are now: a copy that later changes leave alone. */
  table(): RouteTable {
    const routes = Array.from(this.#apps.values(), ({ route }) => route);
    return { version: this.#version, routes, reserved: this.#reservedRoutes };
  }

  /** `path` with or without its query. */
  find(hostname: string, path: string): Destination | undefined {
    return this.#index.find(hostname, path);
  }

  /** Replaces the table in use and returns true. A table that is not newer is ignored. */
  replace(table: RouteTable): boolean {
    if (table.version <= this.#version) return false;
    const kept = new Set(table.routes.map(({ appId }) => appId));
    for (const appId of [...this.#apps.keys()]) if (!kept.has(appId)) this.#drop(appId);
    for (const route of table.routes) this.#put(route);
    this.#replaceReserved(table.reserved);
    this.#version = table.version;
    this.held.wakeAll();
    return true;
  }

  /** Makes the change and returns true. A change that does not start from the version in use is ignored. */
  change({ from, version, put, drop }: RouteChange): boolean {
    if (from !== this.#version || version <= from) return false;
    for (const appId of drop) this.#drop(appId);
    for (const route of put) this.#put(route);
    this.#version = version;
    for (const appId of drop) this.held.wake(appId);
    for (const { appId } of put) this.held.wake(appId);
    return true;
  }

  /**
   * Sends nothing more to these instances. Resolves when nothing is in flight on them, or after `timeoutMs` with the
   * count of what is left, and closes the tunnels then. Unknown instances have nothing in flight.
   */
  async drain(instanceIds: readonly string[], timeoutMs: number, signal?: AbortSignal): Promise<Load> {
    const wanted = new Set(instanceIds);
    const targets = [...this.#all()].filter(({ instanceId }) => wanted.has(instanceId));
    for (const target of targets) target.drain();
    await allIdle(targets, AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]));
    const left = sum(targets);
    if (!signal?.aborted) for (const target of targets) target.closeTunnels();
    return left;
  }

  stats(): readonly TargetStats[] {
    const nowMs = performance.now();
    return [...this.#all()].map((target) => ({
      instanceId: target.instanceId,
      name: target.name,
      ...target.inFlight,
      draining: target.draining,
      quarantined: target.isQuarantined(nowMs),
    }));
  }

  /** Closes connections that have been idle for too long. */
  sweep(nowMs: number): void {
    for (const target of this.#targets.values()) target.sweep(nowMs);
  }

  closeTunnels(): void {
    for (const target of this.#all()) target.closeTunnels();
  }

  /** Closes the connections to the instances. */
  close(): void {
    for (const target of this.#all()) target.drain();
  }

  *#all(): Iterable<Target> {
    yield* this.#targets.values();
    yield* this.#retired;
  }

  #put(route: Route): void {
    const { appId, appName, state, rules } = route;
    const known = this.#apps.get(appId);
    const before = known?.destination;
    const keepAlive = before?.keepAlive ?? new KeepAlive();
    const destination: Destination = {
      appId,
      name: appName,
      state,
      startsAtMs: route.startsAtMs ?? null,
      targets: route.targets.map((facts) => this.#adopt(facts, keepAlive)),
      balancer: before?.balancer ?? new Balancer(),
      keepAlive,
      patience: this.#timing,
    };
    if (JSON.stringify(route.weights) !== JSON.stringify(known?.route.weights))
      destination.balancer.split(route.weights ?? []);
    this.#apps.set(appId, { route, destination });
    this.#index.put(appId, destination, rules);
    if (before) this.#retireMissing(before.targets, destination.targets);
  }

  #drop(appId: string): void {
    const gone = this.#apps.get(appId);
    if (!gone) return;
    this.#apps.delete(appId);
    this.#index.drop(appId);
    this.#retireMissing(gone.destination.targets, []);
  }

  #replaceReserved(routes: readonly ReservedRoute[]): void {
    const before = [...this.#reserved];
    this.#reserved.clear();
    for (const [hostname] of before) this.#index.drop(reservedKey(hostname));
    for (const { hostname, address, port } of routes) {
      const facts = { instanceId: `reserved:${hostname}`, hostId: '', name: 'platform', release: 0, address, port };
      const keepAlive = new KeepAlive();
      const destination: Destination = {
        appId: null,
        name: hostname,
        state: 'live',
        startsAtMs: null,
        // The platform's own programs have limits of their own.
        targets: [this.#adopt({ ...facts, state: 'live' }, keepAlive, Number.POSITIVE_INFINITY)],
        balancer: new Balancer(),
        keepAlive,
        patience: reservedPatience,
      };
      this.#reserved.set(hostname, destination);
      this.#index.put(reservedKey(hostname), destination, [{ hostname, path: '/' }]);
    }
    for (const [hostname, { targets }] of before)
      this.#retireMissing(targets, this.#reserved.get(hostname)?.targets ?? []);
    this.#reservedRoutes = routes;
  }

  /** The known target with its requests in flight, or a new one. A target that drains never stops draining. */
  #adopt(facts: TargetFacts, keepAlive: KeepAlive, limit?: number): Target {
    const known = this.#targets.get(facts.instanceId);
    const target = known?.isAt(facts) ? known : new Target(facts, keepAlive, this.#timing, limit);
    if (facts.state === 'draining') target.drain();
    this.#targets.set(facts.instanceId, target);
    return target;
  }

  #retireMissing(before: readonly Target[], kept: readonly Target[]): void {
    for (const target of before) if (!kept.includes(target)) this.#retire(target);
  }

  #retire(target: Target): void {
    const { instanceId } = target;
    if (this.#targets.get(instanceId) === target) this.#targets.delete(instanceId);
    target.drain();
    this.#retired.add(target);
    target.whenIdle(() => this.#retired.delete(target));
  }
}

/** Smaller than every app's id, so that no app gets a reserved hostname. */
function reservedKey(hostname: string): string {
  return `!${hostname}`;
}

/** Resolves when nothing is in flight on any of them, or when the signal aborts. */
async function allIdle(targets: readonly Target[], signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = new Set(targets);
  const forget = targets.map((target) =>
    target.whenIdle(() => {
      waiting.delete(target);
      if (waiting.size === 0) resolve();
    }),
  );
  signal.addEventListener('abort', () => resolve(), { once: true });
  if (waiting.size === 0 || signal.aborted) resolve();
  await promise;
  for (const stop of forget) stop();
}

function sum(targets: readonly Target[]): Load {
  return targets.reduce(
    (left, { inFlight }) => ({
      requests: left.requests + inFlight.requests,
      tunnels: left.tunnels + inFlight.tunnels,
    }),
    { requests: 0, tunnels: 0 },
  );
}
