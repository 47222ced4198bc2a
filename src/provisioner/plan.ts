import type { FormationEntry } from '../domain/formation.ts';
import { type Instance, isFinal, releaseOf } from '../domain/instance.ts';
import type { InstanceSize } from '../domain/instance-size.ts';
import { type NextStart, restartPolicy } from '../domain/restart-policy.ts';

/** `web.1`, with its size. */
export interface Slot {
  readonly type: string;
  readonly slot: number;
  readonly size: InstanceSize;
}

/** An instance to place. */
export interface WantedInstance extends Slot, NextStart {}

export interface Plan {
  readonly create: readonly WantedInstance[];
  readonly scaledDown: readonly Instance[];
}

export interface PlanFacts {
  readonly releaseId: string;
  /** Process types of the release. Others run nothing, whatever the formation says. */
  readonly types: ReadonlySet<string>;
  readonly formation: readonly FormationEntry[];
  /** All active instances, and the newest of each slot of this release, in any state. In any order; duplicates count once. */
  readonly instances: readonly Instance[];
}

/**
 * The instances that a release lacks, and those that are too many. Pure. An empty plan means that the formation is complete.
 *
 * A slot whose newest instance crashed, or was restarted for memory, is filled again after the restart policy's delay. A slot that a person stopped
 * stays empty until a release, a change of scale or a restart fills it. Two instances in one slot are a restart in progress
 * and stay as they are.
 */
export function plan({ releaseId, types, formation, instances }: PlanFacts): Plan {
  const own = instances.filter((instance) => releaseOf(instance) === releaseId);
  const running = own.filter(isWanted);
  const create: WantedInstance[] = [];
  const quantities = new Map<string, number>();
  for (const entry of formation) {
    const quantity = types.has(entry.type) ? entry.quantity : 0;
    quantities.set(entry.type, quantity);
    for (const slot of slotsOf({ ...entry, quantity })) {
      if (running.some((instance) => isIn(slot, instance))) continue;
      const wanted = next(
        slot,
        own.filter((instance) => isIn(slot, instance)),
      );
      if (wanted) create.push(wanted);
    }
  }
  const scaledDown = running.filter(({ type, slot }) => slot > (quantities.get(type) ?? Number.POSITIVE_INFINITY));
  return { create, scaledDown };
}

/** Whether the instance is to be up and has not ended. */
export function isWanted({ state, desired }: Instance): boolean {
  return !isFinal(state) && desired === 'up';
}

/** The slots of an entry of the formation. */
export function slotsOf({ type, quantity, size }: Pick<FormationEntry, 'type' | 'quantity' | 'size'>): readonly Slot[] {
  return Array.from({ length: quantity }, (_, index) => ({ type, slot: index + 1, size }));
}

export function isIn(slot: Pick<Slot, 'type' | 'slot'>, instance: Instance): boolean {
  return instance.type === slot.type && instance.slot === slot.slot;
}

/** An instance for the slot without the restart policy's delay. */
export function withoutDelay({ type, slot, size }: Slot): WantedInstance {
  return { type, slot, size, notBefore: null, failures: 0 };
}

/** The next instance for an empty slot; null when it is to stay empty. */
function next(slot: Slot, history: readonly Instance[]): WantedInstance | null {
  const last = history.reduce<Instance | null>((newest, one) => (newest && newest.seq > one.seq ? newest : one), null);
  if (!last) return withoutDelay(slot);
  if (last.stopReason === 'stopped_by_user') return null;
  // Its memory is to be free before the next one starts, and the delays grow, so that it does not return at once for ever.
  const leavesForMemory = last.stopReason === 'low_memory';
  if (leavesForMemory && !isFinal(last.state)) return null;
  // A lost host is no crash of the app.
  if ((last.desired === 'stopped' && !leavesForMemory) || last.state === 'lost') return withoutDelay(slot);
  return { ...withoutDelay(slot), ...restartPolicy(last) };
}
