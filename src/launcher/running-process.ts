import { readFileSync } from 'node:fs';
import { systemClock } from '../system/clock.ts';

/** A process. Its start time tells it apart from a later one with the same id. */
export interface RunningProcess {
  readonly pid: number;
  /** From /proc; null where there is no /proc. */
  readonly startTicks: string | null;
}

const lookEveryMs = 20;

export function describeProcess(pid: number): RunningProcess {
  return { pid, startTicks: startTicks(pid) };
}

export function isRunning({ pid, startTicks: known }: RunningProcess): boolean {
  // A signal to 0 would go to this process's group.
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return known === null || startTicks(pid) === known;
}

/** Sends the signal. Does nothing when the process is gone. */
export function signalProcess(target: RunningProcess, signal: NodeJS.Signals): void {
  if (!isRunning(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Sends SIGTERM, and after `graceMs` SIGKILL. Resolves when all of them have ended. */
export async function endProcesses(targets: readonly RunningProcess[], graceMs: number): Promise<void> {
  for (const target of targets) signalProcess(target, 'SIGTERM');
  const killAtMs = systemClock.monotonicMs() + graceMs;
  while (targets.some(isRunning)) {
    if (systemClock.monotonicMs() >= killAtMs) for (const target of targets) signalProcess(target, 'SIGKILL');
    await systemClock.sleep(lookEveryMs);
  }
}

/**
 * Field 22 of /proc/PID/stat. Counted after the name, which may contain spaces and parentheses. Null for a zombie: it
 * has ended.
 */
function startTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
