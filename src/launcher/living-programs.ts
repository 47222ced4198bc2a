import { paths } from '../config/paths.ts';
import { systemClock } from '../system/clock.ts';
import type { LinkHello } from '../system/program-link.ts';
import { type WatchEnd, watchProgram } from './program-watch.ts';
import { describeProcess, isRunning, type RunningProcess } from './running-process.ts';

export const programNames = ['resolver', 'orchestrator'] as const;
export type ProgramName = (typeof programNames)[number];

/** A process that was just started opens its link within this time. */
const linkPatienceMs = 3_000;
const linkEveryMs = 50;

/** A process of a program that runs, whoever started it. */
export interface LivingProgram {
  readonly process: RunningProcess;
  /** Null when it does not answer: it ends, or it hangs. */
  readonly hello: LinkHello | null;
}

export function linkOf(home: string, name: ProgramName): string {
  const { resolverLink, orchestratorLink } = paths(home);
  return name === 'resolver' ? resolverLink : orchestratorLink;
}

export type LivingPrograms = Readonly<Record<ProgramName, LivingProgram | null>>;

/**
 * The programs of this PAAS_HOME that run or start. `recorded` are those in a lock file, by name: it knows also those that do not
 * answer.
 */
export async function livingPrograms(
  home: string,
  recorded: Readonly<Record<string, RunningProcess>>,
): Promise<LivingPrograms> {
  const find = async (name: ProgramName): Promise<LivingProgram | null> => {
    const known = recorded[name] ?? null;
    const untilMs = systemClock.monotonicMs() + linkPatienceMs;
    for (;;) {
      const { hello, end } = await greet(linkOf(home, name), known?.pid ?? null);
      if (hello) return { process: describeProcess(hello.pid), hello };
      if (!known || !isRunning(known)) return null;
      if (end === 'silent' || systemClock.monotonicMs() > untilMs) return { process: known, hello: null };
      await systemClock.sleep(linkEveryMs);
    }
  };
  const [resolver, orchestrator] = await Promise.all([find('resolver'), find('orchestrator')]);
  return { resolver, orchestrator };
}

async function greet(
  path: string,
  pid: number | null,
): Promise<{ readonly hello: LinkHello | null; readonly end: WatchEnd }> {
  const greeted = new AbortController();
  let hello: LinkHello | null = null;
  const onHello = (heard: LinkHello) => {
    hello = heard;
    greeted.abort();
  };
  const end = await watchProgram({ path, pid, onHello, signal: greeted.signal });
  return { hello, end };
}
