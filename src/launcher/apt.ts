import { readFileSync } from 'node:fs';
import { isRoot } from '../system/privileges.ts';
import { findProgram, runHostCommand } from './host-command.ts';

/** Whether this host's packages are ours to install: Debian or one of its children, and we are root. */
export function canInstallPackages(): boolean {
  return isRoot() && findProgram('apt-get') !== null && isDebianFamily(readOsRelease());
}

export function isDebianFamily(osRelease: string): boolean {
  return /^(ID|ID_LIKE)=.*\b(debian|ubuntu)\b/m.test(osRelease);
}

/** Installs what of `packages` is missing. Index first only when it must: it costs seconds. Throws `unavailable`. */
export async function installPackages(
  packages: readonly string[],
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const telling = (line: string) => {
    if (/^(Setting up|Need to get)/.test(line)) progress(line);
  };
  progress(`apt-get install ${packages.join(' ')}`);
  try {
    await aptGet(['install', '-y', '--no-install-recommends', ...packages], telling, signal);
  } catch {
    // No index yet, or one so old that it names packages which are gone.
    signal.throwIfAborted();
    progress('apt-get update');
    await aptGet(['update'], telling, signal);
    await aptGet(['install', '-y', '--no-install-recommends', ...packages], telling, signal);
  }
}

async function aptGet(args: readonly string[], progress: (line: string) => void, signal: AbortSignal): Promise<void> {
  // Another apt may be at work (a fresh machine updates itself): wait for it rather than fail.
  const options = ['-q', '-o', 'DPkg::Lock::Timeout=180', '-o', 'Acquire::Retries=3'];
  const env = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', LC_ALL: 'C' };
  await runHostCommand(
    { program: 'apt-get', args: [...options, ...args], env, timeoutMs: 15 * 60_000 },
    progress,
    signal,
  );
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}
