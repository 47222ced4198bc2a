import type { Build } from '../domain/build.ts';
import { waitingLine } from '../domain/leases.ts';

/** The facts that decide the order of builds. */
export interface QueueFacts {
  /** The oldest first. */
  readonly queued: readonly Build[];
  readonly building: readonly Build[];
  /** By app: the time when its last build that had begun ended. */
  readonly lastEnded: ReadonlyMap<string, Date>;
  /** The number of builds that may run at the same time, over all apps. */
  readonly workers: number;
  /** Queued and running builds of which only one may run at a time. */
  readonly alone: ReadonlySet<string>;
}

/**
 * The queued builds in the order in which they begin: one build of each app per round, however many an app has requested.
 * The first build of an app counts as requested when the app's last one ended, if that is later than the request.
 */
export function serveOrder({ queued, building, lastEnded }: QueueFacts): readonly Build[] {
  const rounds = new Map<string, number>(building.map(({ appId }) => [appId, 1]));
  return queued
    .map((build, age) => {
      const round = rounds.get(build.appId) ?? 0;
      rounds.set(build.appId, round + 1);
      const requestedAt = Math.max(build.createdAt.getTime(), lastEnded.get(build.appId)?.getTime() ?? 0);
      return { build, round, requestedAt, age };
    })
    .sort((a, b) => a.round - b.round || a.requestedAt - b.requestedAt || a.age - b.age)
    .map(({ build }) => build);
}

export interface Admission {
  readonly build: Build;
  /** From 0. No other running build has the same number. */
  readonly worker: number;
}

/** The builds that begin now: at most one per app, one per free worker, and one of those that run alone. */
export function admissions(facts: QueueFacts): readonly Admission[] {
  const taken = new Set(facts.building.map(({ worker }) => worker));
  const free = Array.from({ length: facts.workers }, (_, worker) => worker).filter((worker) => !taken.has(worker));
  const busy = new Set(facts.building.map(({ appId }) => appId));
  let hasLone = facts.building.some(({ id }) => facts.alone.has(id));
  const admitted: Admission[] = [];
  for (const build of serveOrder(facts)) {
    const worker = free[0];
    if (worker === undefined) break;
    if (busy.has(build.appId) || (hasLone && facts.alone.has(build.id))) continue;
    hasLone ||= facts.alone.has(build.id);
    busy.add(build.appId);
    free.shift();
    admitted.push({ build, worker });
  }
  return admitted;
}

/** The line that a pusher reads while the build is queued. */
export function queueLine(build: Build, facts: QueueFacts): string {
  const order = serveOrder(facts);
  const ahead = order.slice(
    0,
    order.findIndex(({ id }) => id === build.id),
  );
  const ofApp = (other: Build) => other.appId === build.appId;
  const own = ahead.filter(ofApp);
  const inFront = own.at(-1) ?? facts.building.find(ofApp);
  if (inFront) {
    const purpose = `the build of ${inFront.commit.slice(0, 7)}`;
    return waitingLine('build', { position: own.length + 1, inFront: purpose });
  }
  if (facts.building.length < facts.workers && facts.alone.has(build.id)) {
    const before = ahead.filter(({ id }) => facts.alone.has(id)).length;
    return `Waiting to build: this host cannot keep Dockerfiles apart and builds one at a time (position ${before + 1})...`;
  }
  const builds = ahead.length === 1 ? '1 build is' : `${ahead.length} builds are`;
  const workers = facts.workers === 1 ? 'the only build worker is busy' : `all ${facts.workers} build workers are busy`;
  const words = ahead.length === 0 ? workers : `${builds} ahead of yours, ${workers}`;
  return `Waiting to build: ${words} (position ${ahead.length + 1})...`;
}
