import type { RouteState, RouteTable, Target as TargetFacts } from '../domain/route.ts';
import { Balancer } from './balancer.ts';
import { Hold } from './hold.ts';
import { HostIndex, type HostRule } from './route-table.ts';
import { type Load, Target } from './target.ts';
import { defaultTiming, type Patience, platformPatience, type Timing } from './timing.ts';

/** Who serves a hostname. */
export interface Destination {
  /** Null for the platform's own hostnames. */
  readonly appId: string | null;
  readonly name: string;
  readonly state: RouteState;
  /** The balancer passes over those that drain. */
  readonly targets: readonly Target[];
  readonly balancer: Balancer;
  readonly patience: Patience;
}

export interface TargetStats extends Load {
  readonly instanceId: string;
  readonly name: string;
  readonly draining: boolean;
  readonly quarantined: boolean;
}

const noTable: RouteTable = { version: 0, routes: [], platform: [] };

/**
 * The table in use. A new one replaces it whole, between two requests; the instances that are in both keep what is in
 * flight on them, and those that left are kept until their last request has ended.
 */
export class Router {
  readonly hold: Hold;
  readonly #timing: Timing;
  #table = noTable;
  #index = new HostIndex<Destination>([]);
  #targets = new Map<string, Target>();
  readonly #leaving = new Set<Target>();

  constructor(timing: Timing = defaultTiming) {
    this.#timing = timing;
    this.hold = new Hold(timing);
  }

  get table(): RouteTable {
    return this.#table;
  }

  find(hostname: string): Destination | undefined {
    return this.#index.find(hostname);
  }

  /** Puts a newer table in use and answers true; one that is not newer is ignored. */
  apply(table: RouteTable): boolean {
    if (table.version <= this.#table.version) return false;
    const before = this.#targets;
    this.#targets = new Map();
    const rules = [...this.#platformRules(table, before), ...this.#appRules(table, before)];
    this.#index = new HostIndex(rules);
    this.#table = table;
    for (const [id, target] of before) if (this.#targets.get(id) !== target) this.#leave(target);
    this.hold.wakeAll();
    return true;
  }

  /**
   * Sends nothing more to these instances and resolves when nothing is in flight on them, or at the deadline: then
   * tunnels are closed, and what is left is counted. Instances that are not known have nothing in flight.
   */
  async drain(instanceIds: readonly string[], timeoutMs: number, signal?: AbortSignal): Promise<Load> {
    const wanted = new Set(instanceIds);
    const targets = [...this.#all()].filter(({ instanceId }) => wanted.has(instanceId));
    for (const target of targets) target.drain();
    await idle(targets, AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]));
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
    yield* this.#leaving;
  }

  *#platformRules(table: RouteTable, before: ReadonlyMap<string, Target>): Iterable<HostRule<Destination>> {
    for (const { hostname, address, port } of table.platform) {
      const facts = { instanceId: `platform:${address}:${port}`, name: 'platform', release: 0, address, port };
      const target = this.#adopt({ ...facts, state: 'live' }, before);
      yield {
        hostname,
        owner: {
          appId: null,
          name: hostname,
          state: 'live',
          targets: [target],
          balancer: new Balancer(),
          patience: platformPatience,
        },
      };
    }
  }

  *#appRules(table: RouteTable, before: ReadonlyMap<string, Target>): Iterable<HostRule<Destination>> {
    for (const route of table.routes) {
      const owner: Destination = {
        appId: route.appId,
        name: route.appName,
        state: route.state,
        targets: route.targets.map((facts) => this.#adopt(facts, before)),
        balancer: new Balancer(),
        patience: this.#timing,
      };
      for (const hostname of route.hostnames) yield { hostname, owner };
    }
  }

  /** The target that was there before, with all that is in flight on it, or a new one. Who drains once never comes back. */
  #adopt(facts: TargetFacts, before: ReadonlyMap<string, Target>): Target {
    const known = this.#targets.get(facts.instanceId) ?? before.get(facts.instanceId);
    const target = known?.isAt(facts) ? known : new Target(facts, this.#timing);
    if (facts.state === 'draining') target.drain();
    this.#targets.set(facts.instanceId, target);
    return target;
  }

  #leave(target: Target): void {
    target.drain();
    this.#leaving.add(target);
    target.whenIdle(() => this.#leaving.delete(target));
  }
}

/** Resolves when nothing is in flight on any of them, or when the signal aborts. */
async function idle(targets: readonly Target[], signal: AbortSignal): Promise<void> {
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
