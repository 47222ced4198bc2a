import type { Instance } from './instance.ts';

/** Ends in a row after which the next instance starts at once. A host without memory needs its delays sooner. */
const startsAtOnce = { crash: 5, memory: 1 } as const;

/** The delay before the next instance takes a slot, from the first end on that is not answered at once. Heroku does not publish its delays; these are ours. */
const delaysMs = [10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000] as const;

/** After an instance was up this long, the count starts again at 0. */
const stableAfterMs = 10 * 60_000;

export type EndedInstance = Pick<Instance, 'failures' | 'stopReason' | 'createdAt' | 'upAt' | 'endedAt'>;

/** The start of the next instance in a slot. */
export interface NextStart {
  /** The earliest start; null: at once. */
  readonly notBefore: Date | null;
  /** Ends in a row before it. */
  readonly failures: number;
}

/**
 * When to start again in the slot of an instance that crashed or was restarted for memory. An instance of a formation is
 * always replaced; only the delay grows. Pure.
 */
export function restartPolicy({ failures, stopReason, createdAt, upAt, endedAt }: EndedInstance): NextStart {
  const isStable = upAt !== null && endedAt !== null && endedAt.getTime() - upAt.getTime() >= stableAfterMs;
  const before = isStable ? 0 : failures;
  const delayed = before - startsAtOnce[stopReason === 'low_memory' ? 'memory' : 'crash'];
  const delayMs = delayed < 0 ? null : (delaysMs[delayed] ?? delaysMs.at(-1) ?? null);
  const notBefore = delayMs === null ? null : new Date((endedAt ?? createdAt).getTime() + delayMs);
  return { notBefore, failures: before + 1 };
}
