import { readFileSync } from 'node:fs';

/** What was seen of a program since the last look, `elapsedMs` ago. */
export interface SilenceFacts {
  readonly hasBeaten: boolean;
  readonly elapsedMs: number;
  /** How long it waited for a CPU in this time. */
  readonly starvedMs: number;
  /** Whether it waits for a disk, when no signal could end it either. */
  readonly isInDiskWait: boolean;
}

/** A program that is silent for this long is killed. */
export const longestSilenceMs = 2_000;
export const lookEveryMs = 250;

/**
 * For how long a program that could have answered has not, in milliseconds. A look that is late by itself proves
 * nothing: the machine was suspended, or has no time for this process either. Pure.
 */
export function silenceAfter(silenceMs: number, facts: SilenceFacts): number {
  const { hasBeaten, elapsedMs, starvedMs, isInDiskWait } = facts;
  if (hasBeaten) return 0;
  if (isInDiskWait || elapsedMs > 2 * lookEveryMs) return silenceMs;
  return silenceMs + Math.max(0, elapsedMs - starvedMs);
}

/** The kernel's account of a process's main thread. Where there is no /proc, it never starves. */
export function schedulingOf(pid: number): { readonly starvedMs: number; readonly isInDiskWait: boolean } {
  const stat = read(`/proc/${pid}/stat`);
  const state = stat[stat.lastIndexOf(')') + 2];
  // Nanoseconds on a CPU, nanoseconds on a run queue, number of time slices.
  const waitedNs = Number(read(`/proc/${pid}/schedstat`).split(' ')[1] ?? 0);
  return { starvedMs: waitedNs / 1e6, isInDiskWait: state === 'D' };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
