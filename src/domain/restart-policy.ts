/** Delay before the next instance takes a slot, by the number of crashes in a row. Heroku does not publish its delays; these are ours. */
const delaysMs = [0, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000] as const;

/** After an instance was up this long, the count starts again at 0. */
export const stableAfterMs = 10 * 60_000;

export interface ExitFacts {
  /** Crashes in a row in this slot before this exit. */
  readonly failures: number;
  /** How long it was up. Null if it never answered. */
  readonly upMs: number | null;
}

export interface RestartVerdict {
  readonly delayMs: number;
  /** The count for the next instance in the slot. */
  readonly failures: number;
  readonly reason: string;
}

/** When to try again after an exit. An instance of a formation is always replaced; only the delay grows. Pure. */
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
