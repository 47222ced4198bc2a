import type { App } from '../domain/app.ts';
import { type Instance, processName, releaseOf } from '../domain/instance.ts';
import { restartPolicy } from '../domain/restart-policy.ts';
import type { ReservedRoute, Route, RouteState, Target } from '../domain/route.ts';
import { servingReleases, type TrafficShare } from '../domain/traffic.ts';

/** The facts of a release that routes depend on. */
export interface ReleaseFacts {
  readonly version: number;
  /** Whether its artifact has a web process; null while it has no artifact. */
  readonly hasWeb: boolean | null;
}

export interface AppFacts {
  readonly app: Pick<App, 'id' | 'name' | 'maintenance'>;
  readonly traffic: readonly TrafficShare[];
  /** The hostnames that a user added. */
  readonly hostnames: readonly string[];
  /** The formation's quantity of web. */
  readonly webQuantity: number;
  /** Web instances of releases, newest first; of the ended ones at least the newest. */
  readonly web: readonly Instance[];
  /** Every release that the traffic or a web instance names, by id. */
  readonly releases: ReadonlyMap<string, ReleaseFacts>;
}

/**
 * The app's route. Only instances of a release with traffic get requests. During a roll-out the new instances are up
 * before their release gets the traffic; the old ones serve until then and drain afterwards. Pure.
 */
export function planRoute(facts: AppFacts, domain: string, now: Date): Route {
  const { app, hostnames, web } = facts;
  const targets = web.map((instance) => targetOf(instance, facts)).filter((target) => target !== null);
  return {
    appId: app.id,
    appName: app.name,
    rules: [`${app.name}.${domain}`, ...hostnames].map((hostname) => ({ hostname, path: '/' })),
    state: stateOf(
      facts,
      targets.some(({ state }) => state === 'live'),
      now,
    ),
    targets,
    ...weightsOf(facts),
  };
}

function weightsOf({ traffic, releases }: AppFacts): Pick<Route, 'weights'> {
  if (traffic.length < 2) return {};
  const weights = traffic.map(({ releaseId, weight }) => ({ release: releases.get(releaseId)?.version ?? 0, weight }));
  return { weights: weights.toSorted((a, b) => a.release - b.release) };
}

/** The routes of the reserved hostnames, which no app can have. */
export function planReserved(domain: string, apiPort: number): readonly ReservedRoute[] {
  return ['api', 'git', 'dashboard'].map((name) => ({
    hostname: `${name}.${domain}`,
    address: '127.0.0.1',
    port: apiPort,
  }));
}

function targetOf(instance: Instance, { traffic, releases }: AppFacts): Target | null {
  const { id, hostId, address, port } = instance;
  const state = targetState(instance, traffic, releases);
  if (state === null || address === null || port === null) return null;
  return {
    instanceId: id,
    hostId,
    name: processName(instance),
    release: releases.get(releaseOf(instance) ?? '')?.version ?? 0,
    address,
    port,
    state,
  };
}

/** Null when the instance gets no requests and has none in flight. */
function targetState(
  instance: Instance,
  traffic: AppFacts['traffic'],
  releases: AppFacts['releases'],
): Target['state'] | null {
  const { state, desired } = instance;
  const releaseId = releaseOf(instance) ?? '';
  if (state === 'draining') return 'draining';
  if (state !== 'up') return null;
  if (desired === 'stopped') return 'draining';
  if (traffic.some((share) => share.releaseId === releaseId)) return 'live';
  const version = releases.get(releaseId)?.version ?? 0;
  const newest = Math.max(0, ...traffic.map((share) => releases.get(share.releaseId)?.version ?? 0));
  // An instance of a newer release is being rolled out and never got a request. One of an older release may still be
  // answering.
  return version < newest ? 'draining' : null;
}

function stateOf(facts: AppFacts, hasLive: boolean, now: Date): RouteState {
  const { app, web, webQuantity, traffic, releases } = facts;
  if (app.maintenance) return 'maintenance';
  const serving = new Set(servingReleases(traffic));
  const hasWeb = [...serving].map((id) => releases.get(id)?.hasWeb ?? null);
  if (hasWeb.every((one) => one === null)) return 'blank';
  if (hasLive) return 'live';
  const own = web.filter((instance) => serving.has(releaseOf(instance) ?? ''));
  const coming = own.filter(({ state, desired }) => desired === 'up' && (state === 'placed' || state === 'starting'));
  if (coming.length > 0) return coming.some((instance) => startsNow(instance, now)) ? 'starting' : 'crashed';
  if (!hasWeb.includes(true) || webQuantity === 0) return 'none';
  return betweenInstances(own.find(({ endedAt }) => endedAt !== null));
}

/** False when the restart policy has delayed the start: requests do not wait for that. */
function startsNow({ state, notBefore }: Instance, now: Date): boolean {
  return state === 'starting' || notBefore === null || notBefore <= now;
}

/**
 * The state of an app that should have web instances and has none. The next one is placed in a moment, unless the end
 * of the last one says otherwise.
 */
function betweenInstances(last: Instance | undefined): RouteState {
  if (!last) return 'starting';
  if (last.stopReason === 'stopped_by_user') return 'none';
  if (last.desired === 'stopped' || last.state === 'lost') return 'starting';
  const upMs = last.upAt && last.endedAt ? last.endedAt.getTime() - last.upAt.getTime() : null;
  return restartPolicy({ failures: last.failures, upMs }).delayMs === 0 ? 'starting' : 'crashed';
}
