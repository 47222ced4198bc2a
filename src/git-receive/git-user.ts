import { chmod, chown, lstat, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PlatformError } from '../domain/errors.ts';
import { isRoot } from '../system/privileges.ts';

/** The user that git runs as. */
export interface GitUser {
  readonly uid: number;
  readonly gid: number;
}

/** A number without a name. Nobody logs in as it, and nothing else on the machine should use it. */
const ownUser: GitUser = { uid: 10_002, gid: 10_002 };

/**
 * When the platform runs as root, git runs as a user of its own: git reads what strangers send, and a vulnerability in
 * it must reach nothing but the repositories. Null without root: git then runs as the platform's own user.
 */
export function gitUser(): GitUser | null {
  return isRoot() ? ownUser : null;
}

/** Lets git's user, and no other, pass through a folder of the platform. */
export async function letThrough(folder: string, user: GitUser | null): Promise<void> {
  if (!user) return;
  const { mode, gid } = await stat(folder);
  if (gid !== user.gid) await chown(folder, -1, user.gid);
  if ((mode & 0o010) === 0 || gid !== user.gid) await chmod(folder, (mode & 0o707) | 0o010);
}

/**
 * Throws `invalid_params` when git's user cannot pass a folder above `home`. The platform does not change those
 * folders.
 */
export async function assertReachable(home: string, user: GitUser | null): Promise<void> {
  if (!user) return;
  for (let folder = dirname(home); ; folder = dirname(folder)) {
    const { mode } = await stat(folder);
    if ((mode & 0o001) === 0) {
      const octal = (mode & 0o7777).toString(8).padStart(4, '0');
      throw new PlatformError(
        'invalid_params',
        `git runs as its own user (uid ${user.uid}), and ${folder} (mode ${octal}), which holds PAAS_HOME ${home}, does not let that user through.`,
        { hint: `Set PAAS_HOME to a folder such as /var/lib/paas, or: chmod o+x ${folder}` },
      );
    }
    if (folder === dirname(folder)) return;
  }
}

/** True for a folder or file that exists and is not a link. */
export async function isPlain(path: string, kind: 'file' | 'folder'): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  return found !== null && (kind === 'file' ? found.isFile() : found.isDirectory());
}
