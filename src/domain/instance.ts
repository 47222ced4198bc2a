import type { Cloudlets } from './cloudlet.ts';
import { PlatformError } from './errors.ts';

/**
 * One container run of a process type of a workload in a slot. One-shot: it is never restarted in place; a new instance takes the
 * slot. `desired` (and all that describes what to run) is written by the provisioner, `state` and what was seen by the
 * supervisor.
 */
export interface Instance {
  /** Grows from commit to commit: of two in one slot the newer has the greater. */
  readonly seq: number;
  readonly id: string;
  readonly appId: string;
  readonly workload: Workload;
  readonly hostId: string;
  readonly type: string;
  /** The number in `web.1`. */
  readonly slot: number;
  readonly size: Cloudlets;
  /** For a one-shot with a command of its own (`paas run`): what to run, as argv after the launcher. */
  readonly command: readonly string[] | null;

  readonly desired: InstanceDesired;
  /** Why it should stop; null while it should be up. */
  readonly stopReason: StopReason | null;
  /** Not to be started before this moment: the restart policy's delay. */
  readonly notBefore: Date | null;
  /** How many exits in a row came before this one in its slot: the restart policy's fact. */
  readonly failures: number;

  readonly state: InstanceState;
  readonly containerId: string | null;
  /** Where the resolver finds it, in the app's own network; null before it has one. */
  readonly address: string | null;
  readonly port: number | null;
  readonly exitCode: number | null;
  /** One sentence about how it ended or why it was refused, with its number. */
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

/** The release that it runs; null for an instance of something else. */
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
 * States only move forward. `crashed`: it ran and ended by itself. `refused`: it never started. `lost`: its host is gone,
 * and nobody knows what became of it.
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

/** Throws `internal` on a backward step: that is a defect, never a situation. */
export function assertForward(from: InstanceState, to: InstanceState): void {
  if (from !== to && !next[from].includes(to)) {
    throw new PlatformError('internal', `An instance cannot go from ${from} to ${to}.`);
  }
}

/** `web.1` */
export function processName(instance: { readonly type: string; readonly slot: number }): string {
  return `${instance.type}.${instance.slot}`;
}
