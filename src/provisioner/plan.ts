import type { Cloudlets } from '../domain/cloudlet.ts';
import type { FormationEntry } from '../domain/formation.ts';
import { type Instance, isFinal } from '../domain/instance.ts';
import { restartPolicy } from '../domain/restart-policy.ts';

/** An instance that should exist and does not. */
export interface WantedInstance {
  readonly type: string;
  readonly slot: number;
  readonly size: Cloudlets;
  readonly notBefore: Date | null;
  readonly failures: number;
}

export interface Plan {
  readonly create: readonly WantedInstance[];
  readonly stop: readonly { readonly id: string; readonly reason: 'scaled_down' }[];
}

export interface PlanFacts {
  readonly releaseId: string;
  /** Process types that the release has. Others run nothing, whatever the formation says. */
  readonly types: ReadonlySet<string>;
  readonly formation: readonly FormationEntry[];
  /** Of this release, newest first, final ones too. */
  readonly instances: readonly Instance[];
}

/**
 * What the current release lacks and has too much of. Pure; an empty plan means it is as it should be.
 *
 * A slot whose newest instance crashed is filled again after the restart policy's delay. A slot that a person stopped
 * stays empty until the formation changes. Two instances in one slot are somebody's restart in progress and left alone.
 */
export function plan({ releaseId, types, formation, instances }: PlanFacts): Plan {
  const own = instances.filter((instance) => instance.releaseId === releaseId);
  const create: WantedInstance[] = [];
  const stop: { id: string; reason: 'scaled_down' }[] = [];
  const quantities = new Map<string, number>();

  for (const entry of formation) {
    const quantity = types.has(entry.type) ? entry.quantity : 0;
    quantities.set(entry.type, quantity);
    for (let slot = 1; slot <= quantity; slot += 1) {
      const history = own.filter((instance) => instance.type === entry.type && instance.slot === slot);
      const wanted = wantedIn(slot, entry, history);
      if (wanted) create.push(wanted);
    }
  }
  for (const instance of own) {
    const quantity = quantities.get(instance.type);
    const active = !isFinal(instance.state) && instance.desired === 'up';
    if (active && quantity !== undefined && instance.slot > quantity)
      stop.push({ id: instance.id, reason: 'scaled_down' });
  }
  return { create, stop };
}

function wantedIn(slot: number, entry: FormationEntry, history: readonly Instance[]): WantedInstance | null {
  if (history.some((instance) => !isFinal(instance.state) && instance.desired === 'up')) return null;
  const last = history[0];
  const fresh = { type: entry.type, slot, size: entry.size, notBefore: null, failures: 0 };
  if (!last) return fresh;
  if (last.stopReason === 'stopped_by_user' && last.createdAt >= entry.updatedAt) return null;
  if (last.desired === 'stopped') return fresh;
  const upMs = last.upAt && last.endedAt ? last.endedAt.getTime() - last.upAt.getTime() : null;
  const verdict = restartPolicy({ failures: last.failures, upMs });
  const endedAt = last.endedAt ?? last.createdAt;
  return {
    ...fresh,
    notBefore: verdict.delayMs === 0 ? null : new Date(endedAt.getTime() + verdict.delayMs),
    failures: verdict.failures,
  };
}
