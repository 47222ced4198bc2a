import type { App } from '../domain/app.ts';
import { type Instance, processName, releaseOf } from '../domain/instance.ts';
import { restartPolicy } from '../domain/restart-policy.ts';
import type { ReservedRoute, Route, RouteState, Target } from '../domain/route.ts';
import { servingReleases, type TrafficShare } from '../domain/traffic.ts';

/** What is known of a release when routes are made. */
export interface ReleaseFacts {
  readonly version: number;
  /** Whether its artifact has a web process; null while it has no artifact. */
  readonly hasWeb: boolean | null;
}

export interface AppFacts {
  readonly app: Pick<App, 'id' | 'name' | 'maintenance'>;
  readonly traffic: readonly TrafficShare[];
  /** Those that a user added. */
  readonly hostnames: readonly string[];
  /** The formation's quantity of web. */
  readonly webQuantity: number;
  /** Instances of type web of releases, newest first; of the final ones at least the newest. */
  readonly web: readonly Instance[];
  /** Of every release that the traffic or a web instance names. */
  readonly releases: ReadonlyMap<string, ReleaseFacts>;
}

/**
 * The app's route as the store says now. Only instances of a release with traffic get requests: during a roll-out the new
 * ones are up before it is theirs, and the old ones serve until then and drain afterwards. Pure.
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

/** The platform's own hostnames; apps cannot have these names. */
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

/** Null: it gets nothing and has nothing. */
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
  // A newer one is being rolled out and was never asked for anything; an older one may still be answering.
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

/** One whose start the restart policy has put off is no news to wait for. */
function startsNow({ state, notBefore }: Instance, now: Date): boolean {
  return state === 'starting' || notBefore === null || notBefore <= now;
}

/** Nothing there although something should be: the next one is placed in a moment, unless the last one's end says otherwise. */
function betweenInstances(last: Instance | undefined): RouteState {
  if (!last) return 'starting';
  if (last.stopReason === 'stopped_by_user') return 'none';
  if (last.desired === 'stopped' || last.state === 'lost') return 'starting';
  const upMs = last.upAt && last.endedAt ? last.endedAt.getTime() - last.upAt.getTime() : null;
  return restartPolicy({ failures: last.failures, upMs }).delayMs === 0 ? 'starting' : 'crashed';
}
