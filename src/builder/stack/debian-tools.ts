import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { environment } from '../../config/environment.ts';
import { PlatformError } from '../../domain/errors.ts';
import { programIn } from '../../system/privileges.ts';
import { debianKeyring, type HostApt, hostApt, sourceLines } from './host-apt.ts';
import { customisePath, type StackRecipe } from './recipe.ts';

const timeoutMs = 15 * 60_000;
const endGraceMs = 20_000;

export function hasMmdebstrap(): boolean {
  return programIn((environment().PATH ?? '').split(delimiter), 'mmdebstrap') !== null;
}

/** How apt on this host reaches the archive; the public archive on a host without apt. */
export async function readHostApt(): Promise<HostApt> {
  const dump = await promisify(execFile)('apt-config', ['dump'], { timeout: 10_000 }).catch(() => ({ stdout: '' }));
  return hostApt(dump.stdout);
}

/**
 * The stack's root file system as a tar, made by mmdebstrap from Debian packages. The stream ends without an error only
 * if mmdebstrap succeeded. Otherwise it throws `unavailable` with mmdebstrap's last lines, so that half a system is never
 * imported.
 */
export async function* rootfs(recipe: StackRecipe, progress: (line: string) => void, signal: AbortSignal) {
  const work = mkdtempSync(join(tmpdir(), 'paas-stack-'));
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const child = startMmdebstrap(recipe, await readHostApt(), work);
    const exit = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
    exit.catch(() => undefined);
    const stop = () => endGroup(child, exit);
    deadline.addEventListener('abort', stop, { once: true });
    try {
      const words = collectWords(child, progress);
      if (deadline.aborted) stop();
      if (child.stdout) yield* child.stdout;
      const code = await exit;
      signal.throwIfAborted();
      if (code !== 0) throw notMade(recipe, deadline.aborted ? ['It took longer than 15 minutes.'] : words);
    } finally {
      deadline.removeEventListener('abort', stop);
      stop();
      await exit.catch(() => undefined);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function startMmdebstrap(recipe: StackRecipe, apt: HostApt, work: string): ChildProcess {
  // In a file: every user of the host can read a command line, and a proxy's address may hold a password.
  const aptOptions = join(work, 'apt.conf');
  writeFileSync(aptOptions, `${apt.options.join('\n')}\n`, { mode: 0o600 });
  const env = environment();
  const args = [
    '--variant=minbase',
    '--format=tar',
    `--include=${recipe.packages.join(',')}`,
    `--aptopt=${aptOptions}`,
    ...recipe.dpkgOptions.map((option) => `--dpkgopt=${option}`),
    `--customize-hook=${customisePath}`,
    recipe.suite,
    '-',
    ...sourceLines(apt, recipe.suite, debianKeyring()),
  ];
  return spawn('mmdebstrap', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own process group: it signals its whole group when it fails, and ignores signals to itself alone.
    detached: true,
    // Not /tmp: it is in memory on a Debian 13 host, and an unfinished stack needs 1 GB.
    env: { TMPDIR: '/var/tmp', ...env, STACK_KIND: recipe.kind, STACK_SUITE: recipe.suite },
  });
}

/** mmdebstrap cleans up after its child processes end. Processes that still run after the grace period are killed. */
function endGroup(child: ChildProcess, exit: Promise<unknown>): void {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const signalGroup = (name: NodeJS.Signals) => {
    try {
      process.kill(-pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  signalGroup('SIGTERM');
  const killer = setTimeout(() => signalGroup('SIGKILL'), endGraceMs);
  exit.finally(() => clearTimeout(killer)).catch(() => undefined);
}

/** Reports mmdebstrap's own steps as progress, and keeps the last 12 lines of its output for an error message. */
function collectWords(child: ChildProcess, progress: (line: string) => void): readonly string[] {
  const words: string[] = [];
  if (!child.stderr) return words;
  createInterface({ input: child.stderr }).on('line', (line) => {
    words.push(line);
    if (words.length > 12) words.shift();
    const step = /^I: (.*)\.\.\.$/.exec(line)?.[1];
    if (step && !step.startsWith('removing tempdir')) progress(step);
  });
  return words;
}

function notMade(recipe: StackRecipe, words: readonly string[]): PlatformError {
  return new PlatformError(
    'unavailable',
    `The ${recipe.kind} stack could not be made with mmdebstrap:\n${words.map((line) => `  ${line}`).join('\n')}`,
    { hint: `Check that this host reaches its Debian mirror (apt-get update) and that it serves ${recipe.suite}.` },
  );
}
