import type { App } from '../domain/app.ts';
import { type Instance, processName, releaseOf } from '../domain/instance.ts';
import { restartPolicy } from '../domain/restart-policy.ts';
import type { ReservedRoute, Route, Target } from '../domain/route.ts';
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
    ...statusOf(
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

type Status = Pick<Route, 'state' | 'startsAtMs'>;

function statusOf(facts: AppFacts, hasLive: boolean, now: Date): Status {
  const { app, web, webQuantity, traffic, releases } = facts;
  if (app.maintenance) return { state: 'maintenance' };
  const serving = new Set(servingReleases(traffic));
  const hasWeb = [...serving].map((id) => releases.get(id)?.hasWeb ?? null);
  if (hasWeb.every((one) => one === null)) return { state: 'blank' };
  if (hasLive) return { state: 'live' };
  const own = web.filter((instance) => serving.has(releaseOf(instance) ?? ''));
  const coming = own.filter(({ state, desired }) => desired === 'up' && (state === 'placed' || state === 'starting'));
  if (coming.length > 0) return untilFirstOf(coming, now);
  if (!hasWeb.includes(true) || webQuantity === 0) return { state: 'none' };
  return betweenInstances(own.find(({ endedAt }) => endedAt !== null));
}

/** While the restart policy delays every start, the app has crashed. */
function untilFirstOf(coming: readonly Instance[], now: Date): Status {
  const starts = coming.map(({ state, notBefore }) => (state === 'starting' ? 0 : (notBefore?.getTime() ?? 0)));
  const startsAtMs = Math.min(...starts);
  return startsAtMs <= now.getTime() ? { state: 'starting' } : { state: 'crashed', startsAtMs };
}

/**
 * The status of an app that should have web instances and has none. The next one is placed in a moment, unless the end
 * of the last one says otherwise.
 */
function betweenInstances(last: Instance | undefined): Status {
  if (!last) return { state: 'starting' };
  if (last.stopReason === 'stopped_by_user') return { state: 'none' };
  if (last.desired === 'stopped' || last.state === 'lost') return { state: 'starting' };
  const { notBefore } = restartPolicy(last);
  return notBefore === null ? { state: 'starting' } : { state: 'crashed', startsAtMs: notBefore.getTime() };
}
