import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { watchProgram } from '../../src/launcher/program-watch.ts';
import type { LinkHello, ReadyFacts } from '../../src/system/program-link.ts';
import { eventually } from './eventually.ts';

/** The program at this link says that it is ready. Null when none does. */
export async function greet(link: string): Promise<LinkHello | null> {
  const leaving = new AbortController();
  let found: LinkHello | null = null;
  const onHello = (hello: LinkHello) => {
    found = hello;
    leaving.abort();
  };
  await watchProgram({ path: link, pid: null, onHello, signal: leaving.signal });
  return found;
}

export interface StartedProgram extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly hello: LinkHello & { readonly facts: ReadyFacts };
}

/** Starts a program of the platform as the launcher does, and waits until it is ready. `socketFd` is the public socket. */
export async function startProgram(
  script: string,
  {
    env,
    link,
    socketFd,
    nodeArgs = [],
  }: {
    readonly env: Readonly<Record<string, string>>;
    readonly link: string;
    readonly socketFd?: number;
    readonly nodeArgs?: readonly string[];
  },
): Promise<StartedProgram> {
  const passed = socketFd === undefined ? [] : [socketFd];
  const child = spawn(process.execPath, [...nodeArgs, script, link, 'identity', ...passed.map(() => '3')], {
    env,
    stdio: ['ignore', 'inherit', 'inherit', ...passed],
  });
  const hello = await eventually('the program is ready', async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode} before it was ready`);
    const found = await greet(link);
    return found !== null && found.pid === child.pid && found.facts ? { ...found, facts: found.facts } : null;
  });
  return {
    child,
    hello,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
