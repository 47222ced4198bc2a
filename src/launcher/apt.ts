import { readFileSync } from 'node:fs';
import { isRoot } from '../system/privileges.ts';
import { findProgram, runHostCommand } from './host-command.ts';

/** Whether the set-up may install packages: it runs as root, on Debian or a derivative of it. */
export function canInstallPackages(): boolean {
  return isRoot() && findProgram('apt-get') !== null && isDebianFamily(readOsRelease());
}

export function isDebianFamily(osRelease: string): boolean {
  return /^(ID|ID_LIKE)=.*\b(debian|ubuntu)\b/m.test(osRelease);
}

/**
 * Installs those `packages` that are missing. Updates the index only when needed, because that takes seconds. Throws
 * `unavailable`.
 */
export async function installPackages(
  packages: readonly string[],
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const important = (line: string) => {
    if (/^(Setting up|Need to get)/.test(line)) progress(line);
  };
  progress(`apt-get install ${packages.join(' ')}`);
  try {
    await aptGet(['install', '-y', '--no-install-recommends', ...packages], important, signal);
  } catch {
    // There is no index yet, or an old one names packages that are gone.
    signal.throwIfAborted();
    progress('apt-get update');
    await aptGet(['update'], important, signal);
    await aptGet(['install', '-y', '--no-install-recommends', ...packages], important, signal);
  }
}

async function aptGet(args: readonly string[], progress: (line: string) => void, signal: AbortSignal): Promise<void> {
  // Another apt may be running, because a fresh machine updates itself. Wait for it rather than fail.
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
