import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Changes {
  /** The commit that they are counted from. */
  readonly since: string;
  /** From the top of the checkout; of both names where a file was moved. */
  readonly paths: readonly string[];
}

/**
 * What changed since the previous landing on the main line, as a clone without a remote knows it: a merge at the top names
 * it (its first parent); otherwise `.ci/landed` does, which holds the main line's commit from when the work was begun. A
 * file that nobody renewed names an older one, so more has changed, never less. Null when neither is known in the history.
 */
export function changesSinceLanding(checkout: string): Changes | null {
  const git = (...args: readonly string[]) =>
    execFileSync('git', args, { cwd: checkout, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const [, first, second] = git('rev-list', '--parents', '--max-count=1', 'HEAD').split(' ');
    const landed = second === undefined ? readFileSync(join(checkout, '.ci/landed'), 'utf8').trim() : first;
    if (!/^[0-9a-f]{40}$/.test(landed ?? '')) return null;
    const since = git('rev-parse', '--verify', `${landed}^{commit}`);
    git('merge-base', '--is-ancestor', since, 'HEAD');
    const names = git('diff', '--name-only', '--no-renames', '-z', since, 'HEAD');
    return { since, paths: names.split('\0').filter((name) => name !== '') };
  } catch {
    return null;
  }
}

/** Whether one of the paths is below one of the folders, or begins like it. */
export function touches({ paths }: Changes, beginnings: readonly string[]): boolean {
  return paths.some((path) => beginnings.some((beginning) => path.startsWith(beginning)));
}
