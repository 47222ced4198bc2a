/** Delay before the next instance takes a slot, by how many crashes in a row came before it. Heroku's steps are unpublished; these are ours. */
const delaysMs = [0, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000] as const;

/** An instance that was up this long starts the count anew. */
export const stableAfterMs = 10 * 60_000;

export interface ExitFacts {
  /** Crashes in a row in this slot before this exit. */
  readonly failures: number;
  /** How long it was up; null when it never answered. */
  readonly upMs: number | null;
}

export interface RestartVerdict {
  readonly delayMs: number;
  /** The count for the next instance in the slot. */
  readonly failures: number;
  readonly reason: string;
}

/** Pure: the facts of one exit in, when to try again out. A formation's instance is always replaced; only the wait grows. */
export function restartPolicy(exit: ExitFacts): RestartVerdict {
  const stable = exit.upMs !== null && exit.upMs >= stableAfterMs;
  const before = stable ? 0 : exit.failures;
  const delayMs = delaysMs[Math.min(before, delaysMs.length - 1)] ?? 0;
  const reason = delayMs === 0 ? 'restarting now' : `crash ${before + 1} in a row, restarting in ${describe(delayMs)}`;
  return { delayMs, failures: before + 1, reason };
}

function describe(ms: number): string {
  return ms < 60_000 ? `${ms / 1000} s` : `${ms / 60_000} min`;
}
