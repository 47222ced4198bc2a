/**
 * What one holder at a time does:
 *
 * | name | alone in | not excluded |
 * | --- | --- | --- |
 * | `leader` | keeping the apps running and changing them: one orchestrator | reading |
 * | `app/<id>` | a change of what the app runs: release, roll-out, scale, restart, end | the build of the next version |
 * | `app/<id>/source` | making a source what serves: a push, from its turn until git has moved the ref | changes of config |
 * | `host/<id>` | a change of what a host has | |
 * | `round/<name>` | work that comes round, by its name | |
 *
 * A push holds `app/<id>/source` and then, when it has built, `app/<id>`. Nobody asks for them the other way round, and
 * nobody asks for a name that it holds: what works under a lease is given the lease.
 */
export type LeaseName = 'leader' | `app/${string}` | `app/${string}/source` | `host/${string}` | `round/${string}`;

/** The right to act alone under a name, while the work that it was given to is under way. */
export interface Lease {
  readonly name: LeaseName;
  /** Greater than that of everybody who held the name before. */
  readonly term: number;
  /** Aborts when the lease is lost, and when the holder is asked to end. */
  readonly signal: AbortSignal;
  /** For a writer, in the transaction of its write. Throws `cancelled` when the lease is not held any more. */
  check(): Promise<void>;
}

/** Where somebody stands who waits for a lease. */
export interface LeaseWait {
  /** 1: the next one. */
  readonly position: number;
  /** The purpose of the one directly in front: `the push of 1234567`. */
  readonly inFront: string;
}

export interface HoldOptions {
  /** What the lease is for, in the words that those behind are shown. */
  readonly purpose: string;
  /** Ends a wait at once; once the lease is held, its own signal aborts with the same reason. */
  readonly signal?: AbortSignal;
  /** Called when the lease is not to be had at once, and whenever the turn comes nearer. */
  readonly onWait?: (wait: LeaseWait) => void;
}

export interface Leases {
  /**
   * Runs `work` alone under the name, in the order of asking. Throws what `work` throws. A wait that is aborted throws the
   * signal's PlatformError, or else `cancelled`, and its work never starts. Asking for a name that one holds waits for ever.
   */
  hold<T>(name: LeaseName, work: (lease: Lease) => Promise<T>, options: HoldOptions): Promise<T>;
  /** Whether somebody holds the name, or waits for it. */
  isBusy(name: LeaseName): Promise<boolean>;
  /** All leases are lost, and those that wait throw `cancelled`. Resolves when every holder has let go. */
  close(): Promise<void>;
}

/** The line that somebody reads who waits to build or to launch. */
export function waitingLine(to: 'build' | 'launch', { position, inFront }: LeaseWait): string {
  return `Waiting to ${to}: ${inFront} is ahead of yours (position ${position})...`;
}
