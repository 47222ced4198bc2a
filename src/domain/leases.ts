/**
 * The names of leases. One holder at a time has each:
 *
 * | name | what the holder does alone | what others may do meanwhile |
 * | --- | --- | --- |
 * | `leader` | keeping the apps running and changing them: one orchestrator | reading |
 * | `app/<id>` | a change of what the app runs: release, roll-out, scale, restart, end | the build of the next version |
 * | `app/<id>/source` | a push, from its beginning until git has moved the ref | changes of config |
 * | `host/<id>` | a change of a host | |
 * | `round/<name>` | recurring work with this name | |
 *
 * A push takes `app/<id>/source` first and `app/<id>` after its build, never in the other sequence. A holder never asks for
 * a name that it holds, because it would wait for ever. It passes its lease on instead.
 */
export type LeaseName = 'leader' | `app/${string}` | `app/${string}/source` | `host/${string}` | `round/${string}`;

/** The right to act alone under a name, until the work it was given to has ended. */
export interface Lease {
  readonly name: LeaseName;
  /** Greater than the term of every earlier holder of the name. */
  readonly term: number;
  /** Aborts if the lease is lost, and if the holder is asked to end. */
  readonly signal: AbortSignal;
  /** A writer calls this in the transaction of its write. Throws `cancelled` if the lease is no longer held. */
  check(): Promise<void>;
}

/** The state of a wait for a lease. */
export interface LeaseWait {
  /** 1 for the next to get the lease. */
  readonly position: number;
  /** The purpose of the holder or waiter directly in front: `the push of 1234567`. */
  readonly inFront: string;
}

export interface HoldOptions {
  /** What the lease is for, as shown to those who wait behind: `the push of 1234567`. */
  readonly purpose: string;
  /** Ends a wait at once. If the lease is held already, the lease's signal aborts with the same reason. */
  readonly signal?: AbortSignal;
  /** Called if the lease is not free, and each time the position gets smaller. */
  readonly onWait?: (wait: LeaseWait) => void;
}

export interface Leases {
  /**
   * Runs `work` alone under the name, first come first served. Throws what `work` throws. An aborted wait throws the
   * signal's PlatformError, or else `cancelled`, and `work` does not start. Never resolves for a name that the caller holds.
   */
  hold<T>(name: LeaseName, work: (lease: Lease) => Promise<T>, options: HoldOptions): Promise<T>;
  /** Whether the name is held or waited for. */
  isBusy(name: LeaseName): Promise<boolean>;
  /** Ends all leases. Waits throw `cancelled`. Resolves when all work under leases has ended. */
  close(): Promise<void>;
}

/** The line shown to a pusher who waits to build or to launch. */
export function waitingLine(to: 'build' | 'launch', { position, inFront }: LeaseWait): string {
  return `Waiting to ${to}: ${inFront} is ahead of yours (position ${position})...`;
}
