import { PlatformError } from '../domain/errors.ts';
import { GitProcess } from './git-process.ts';

/** Debian 12's git. It has the fixes for CVE-2025-48384 to 48386 since its second security update. */
export const gitVersionFloor = '2.39.5';

export interface GitVersion {
  /** "2.39.5" */
  readonly version: string;
  readonly isSupported: boolean;
}

/** Parses the output of `git --version`. Pure. Throws `unavailable` for any other text. */
export function parseGitVersion(text: string): GitVersion {
  const [, major, minor, patch = '0'] = /^git version (\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  if (major === undefined || minor === undefined) {
    throw new PlatformError('unavailable', `git printed an unknown version: ${JSON.stringify(text.slice(0, 80))}`);
  }
  const found = [Number(major), Number(minor), Number(patch)];
  const floor = gitVersionFloor.split('.').map(Number);
  const difference = found.map((part, index) => part - (floor[index] ?? 0)).find((part) => part !== 0) ?? 0;
  return { version: found.join('.'), isSupported: difference >= 0 };
}

/**
 * The version of the machine's git. Throws `unavailable` when there is none, or when it does not answer within 10 s.
 */
export async function gitVersion(): Promise<GitVersion> {
  const git = new GitProcess({
    args: ['--version'],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
    user: null,
    prlimit: false,
    killGraceMs: 1000,
  });
  git.stdin.end();
  const timer = setTimeout(() => void git.end(), 10_000);
  let text = '';
  try {
    for await (const chunk of git.stdout) text += chunk;
    await git.exited;
  } finally {
    clearTimeout(timer);
  }
  return parseGitVersion(text);
}
