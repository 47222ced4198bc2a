import { paths } from '../config/paths.ts';
import type { LinkHello } from '../system/program-link.ts';
import { watchProgram } from './program-watch.ts';
import { describeProcess, isRunning, type RunningProcess } from './running-process.ts';

export const programNames = ['resolver', 'orchestrator'] as const;
export type ProgramName = (typeof programNames)[number];

/** A process of a program that runs, whoever started it. */
export interface LivingProgram {
  readonly process: RunningProcess;
  /** Null when it does not answer: it starts, it ends, or it hangs. */
  readonly hello: LinkHello | null;
}

export function linkOf(home: string, name: ProgramName): string {
  const { resolverLink, orchestratorLink } = paths(home);
  return name === 'resolver' ? resolverLink : orchestratorLink;
}

export type LivingPrograms = Readonly<Record<ProgramName, LivingProgram | null>>;

/**
 * The programs of this PAAS_HOME that run. `recorded` are those in a lock file, by name: it knows also those that do not
 * answer.
 */
export async function livingPrograms(
  home: string,
  recorded: Readonly<Record<string, RunningProcess>>,
): Promise<LivingPrograms> {
  const find = async (name: ProgramName): Promise<LivingProgram | null> => {
    const known = recorded[name] ?? null;
    const hello = await greet(linkOf(home, name), known?.pid ?? null);
    if (hello) return { process: describeProcess(hello.pid), hello };
    return known && isRunning(known) ? { process: known, hello: null } : null;
  };
  const [resolver, orchestrator] = await Promise.all([find('resolver'), find('orchestrator')]);
  return { resolver, orchestrator };
}

async function greet(path: string, pid: number | null): Promise<LinkHello | null> {
  const greeted = new AbortController();
  let found: LinkHello | null = null;
  const onHello = (hello: LinkHello) => {
    found = hello;
    greeted.abort();
  };
  await watchProgram({ path, pid, onHello, signal: greeted.signal });
  return found;
}
