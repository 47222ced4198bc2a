import { type StdioOptions, spawn } from 'node:child_process';
import { delimiter } from 'node:path';
import { createInterface } from 'node:readline';
import { environment } from '../config/environment.ts';
import { PlatformError } from '../domain/errors.ts';
import { systemClock } from '../system/clock.ts';
import { programIn } from '../system/privileges.ts';

/** A program of the host that the set-up runs: apt-get, systemctl, service, dockerd. No argument comes from a user. */
export interface HostCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

const keptLines = 15;

/** Searched too, because after `su` without `-` root still has the user's PATH. */
const systemFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

export function findProgram(name: string): string | null {
  return programIn(searchPath(), name);
}

/**
 * Runs the command to its end and reports each line of its output. Throws `unavailable` with the last 15 lines when it
 * fails.
 */
export async function runHostCommand(
  command: HostCommand,
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const shown = [command.program, ...command.args].join(' ');
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(command.timeoutMs)]);
  const child = spawn(command.program, command.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: commandEnvironment(command.env),
    signal: deadline,
  });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      last.push(line);
      if (last.length > keptLines) last.shift();
      progress(line);
    });
  }
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const code = await new Promise<number | string | null>((resolve, reject) => {
    child.on('error', reject).on('exit', (exitCode, exitSignal) => resolve(exitCode ?? exitSignal));
  }).catch((error: Error) => (deadline.aborted ? 'deadline' : error.message));
  // A daemon that the command started may keep the output open for ever. 500 ms are enough for the command's last
  // lines.
  await Promise.race([closed, systemClock.sleep(500)]);
  child.stdout.destroy();
  child.stderr.destroy();
  signal.throwIfAborted();
  if (code === 0) return;
  const lines = last.map((line) => `  ${line}`).join('\n');
  throw new PlatformError('unavailable', `${shown} failed (${code}).${lines === '' ? '' : `\n${lines}`}`);
}

export interface Detached {
  /** True also when the program could not be started. */
  hasEnded(): boolean;
}

/** Starts a program that outlives this process. Its output goes to `logFd`. */
export function startDetached(program: string, args: readonly string[], logFd: number): Detached {
  const stdio: StdioOptions = ['ignore', logFd, logFd];
  const child = spawn(program, args, { detached: true, stdio, cwd: '/', env: commandEnvironment() });
  let ended = false;
  const end = () => {
    ended = true;
  };
  child.on('error', end).on('exit', end);
  child.unref();
  return { hasEnded: () => ended };
}

function commandEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string | undefined> {
  return { ...environment(), PATH: searchPath().join(delimiter), ...extra };
}

function searchPath(): readonly string[] {
  const own = (environment().PATH ?? '').split(delimiter).filter((folder) => folder.startsWith('/'));
  return [...new Set([...own, ...systemFolders])];
}
