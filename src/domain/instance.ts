import { PlatformError } from './errors.ts';
import type { InstanceSize } from './instance-size.ts';

/**
 * One container run of a process type of a workload in a slot. It is never restarted: a new instance takes the slot. The
 * provisioner writes `desired` and everything that describes what to run. The supervisor writes `state` and what it
 * observed.
 */
export interface Instance {
  /** Grows from commit to commit. Of two instances in one slot the newer one has the greater number. */
  readonly seq: number;
  readonly id: string;
  readonly appId: string;
  readonly workload: Workload;
  readonly hostId: string;
  readonly type: string;
  /** The number in `web.1`. */
  readonly slot: number;
  readonly size: InstanceSize;
  /** The command of a one-shot (`paas run`), as argv after the launcher. Null for the command of its process type. */
  readonly command: readonly string[] | null;

  readonly desired: InstanceDesired;
  /** Why it should stop; null while it should be up. */
  readonly stopReason: StopReason | null;
  /** Do not start it before this moment. Set from the restart policy's delay. */
  readonly notBefore: Date | null;
  /** Number of crashes and restarts for memory in a row in its slot before it. Input of the restart policy. */
  readonly failures: number;

  readonly state: InstanceState;
  readonly containerId: string | null;
  /** Its address in the app's own network, for the resolver. Null before it has one. */
  readonly address: string | null;
  readonly port: number | null;
  readonly exitCode: number | null;
  /** One sentence, with its number, about how it ended or why it was refused. */
  readonly reason: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly upAt: Date | null;
  readonly endedAt: Date | null;
}

/** What an instance runs for. */
export type Workload =
  | { readonly kind: 'release'; readonly releaseId: string }
  | { readonly kind: 'service'; readonly serviceId: string };

/** The release that it runs. Null for an instance of another workload. */
export function releaseOf({ workload }: Pick<Instance, 'workload'>): string | null {
  return workload.kind === 'release' ? workload.releaseId : null;
}

export type InstanceDesired = 'up' | 'stopped';

export const stopReasons = [
  'replaced',
  'scaled_down',
  'restarted',
  'stopped_by_user',
  'deploy_failed',
  'app_destroyed',
  'cancelled',
  'expired',
  'low_memory',
  'host_lost',
  'evacuated',
  'rebalanced',
] as const;
export type StopReason = (typeof stopReasons)[number];

export const instanceStates = [
  'placed',
  'starting',
  'up',
  'draining',
  'stopped',
  'crashed',
  'refused',
  'lost',
] as const;
export type InstanceState = (typeof instanceStates)[number];

/**
 * States only move forward. `crashed`: it ran and ended without a request to stop. `refused`: it never started. `lost`: its
 * host is gone, and its end is unknown.
 */
const next: Readonly<Record<InstanceState, readonly InstanceState[]>> = {
  placed: ['starting', 'stopped', 'refused', 'lost'],
  starting: ['up', 'draining', 'stopped', 'crashed', 'refused', 'lost'],
  up: ['draining', 'stopped', 'crashed', 'lost'],
  draining: ['stopped', 'crashed', 'lost'],
  stopped: [],
  crashed: [],
  refused: [],
  lost: [],
};

export function isFinal(state: InstanceState): boolean {
  return next[state].length === 0;
}

/** Throws `internal` on a backward step, because that is a defect. */
export function assertForward(from: InstanceState, to: InstanceState): void {
  if (from !== to && !next[from].includes(to)) {
    throw new PlatformError('internal', `An instance cannot go from ${from} to ${to}.`);
  }
}

/** `web.1` */
export function processName(instance: { readonly type: string; readonly slot: number }): string {
  return `${instance.type}.${instance.slot}`;
}
