import type { Build } from '../domain/build.ts';
import { waitingLine } from '../domain/leases.ts';

/** What the order of builds follows from. */
export interface QueueFacts {
  /** The oldest first. */
  readonly queued: readonly Build[];
  readonly building: readonly Build[];
  /** By app: when its last build ended that had begun. */
  readonly lastEnded: ReadonlyMap<string, Date>;
  /** Builds at the same time, over all apps. */
  readonly slots: number;
}

/**
 * The queue in the order in which it is served: apps take turns, however much one of them has asked for. The next build of
 * an app counts as asked for when its last one ended, and what it asked for beyond that comes after everybody's next.
 */
export function serveOrder({ queued, building, lastEnded }: QueueFacts): readonly Build[] {
  const rounds = new Map<string, number>(building.map(({ appId }) => [appId, 1]));
  return queued
    .map((build, age) => {
      const round = rounds.get(build.appId) ?? 0;
      rounds.set(build.appId, round + 1);
      const askedAt = Math.max(build.createdAt.getTime(), lastEnded.get(build.appId)?.getTime() ?? 0);
      return { build, round, askedAt, age };
    })
    .sort((a, b) => a.round - b.round || a.askedAt - b.askedAt || a.age - b.age)
    .map(({ build }) => build);
}

export interface Admission {
  readonly build: Build;
  /** From 0. No other build has it meanwhile. */
  readonly slot: number;
}

/** Which builds begin now: one at a time per app, and no more than there are slots. */
export function admissions(facts: QueueFacts): readonly Admission[] {
  const taken = new Set(facts.building.map(({ slot }) => slot));
  const free = Array.from({ length: facts.slots }, (_, slot) => slot).filter((slot) => !taken.has(slot));
  const busy = new Set(facts.building.map(({ appId }) => appId));
  const admitted: Admission[] = [];
  for (const build of serveOrder(facts)) {
    const slot = free[0];
    if (slot === undefined) break;
    if (busy.has(build.appId)) continue;
    busy.add(build.appId);
    free.shift();
    admitted.push({ build, slot });
  }
  return admitted;
}

/** The line for somebody whose build is queued. */
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
  const builds = ahead.length === 1 ? '1 build is' : `${ahead.length} builds are`;
  const places = facts.slots === 1 ? 'the only place is taken' : `all ${facts.slots} places are taken`;
  const words = ahead.length === 0 ? places : `${builds} ahead of yours, ${places}`;
  return `Waiting to build: ${words} (position ${ahead.length + 1})...`;
}
