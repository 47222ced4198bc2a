import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { chmod, copyFile, link, mkdir, readFile, readlink, rename, rm, stat, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { paths } from '../config/settings.ts';
import { writeWhole } from '../system/durable-file.ts';
import { assertReachable, type GitUser, letThrough } from './git-user.ts';

const hookSource = fileURLToPath(new URL('../../hooks/pre-receive', import.meta.url));

/**
 * Puts the hook and the Node that runs it into PAAS_HOME, where git's user can reach them; the checkout may be in a
 * folder that it cannot. The hook is a copy, compared with the original by hash each time. May be called again. Returns
 * true when it replaced a hook with other content. Throws `invalid_params` when git's user cannot reach PAAS_HOME.
 */
export async function installForGit(home: string, user: GitUser | null): Promise<boolean> {
  const { repos, run, hooks, runtime } = paths(home);
  await mkdir(home, { recursive: true, mode: 0o700 });
  await assertReachable(home, user);
  for (const folder of [repos, run]) await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const folder of [hooks, runtime]) {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await chmod(folder, 0o755);
  }
  for (const folder of [home, repos, run]) await letThrough(folder, user);
  await installRuntime(join(runtime, 'node'), user);
  return await installHook(join(hooks, 'pre-receive'));
}

async function installHook(target: string): Promise<boolean> {
  const wanted = await readFile(hookSource);
  const found = await readFile(target).catch(() => null);
  if (found && sha256(found) === sha256(wanted)) {
    await chmod(target, 0o755);
    return false;
  }
  await writeWhole(target, wanted, { mode: 0o755 });
  return found !== null;
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Makes the running Node available at `target`: as a link where possible, else as a copy. */
async function installRuntime(target: string, user: GitUser | null): Promise<void> {
  const source = process.execPath;
  const draft = `${target}.new`;
  if (!user) {
    if ((await readlink(target).catch(() => '')) === source) return;
    await rm(draft, { force: true });
    await symlink(source, draft);
    return await rename(draft, target);
  }
  const [wanted, found] = await Promise.all([stat(source), stat(target).catch(() => null)]);
  const isSame = found && found.ino === wanted.ino && found.dev === wanted.dev;
  // A copy's time is set in whole milliseconds.
  const isCopy = found && found.size === wanted.size && Math.trunc(found.mtimeMs) === Math.trunc(wanted.mtimeMs);
  if (isSame || isCopy) return;
  await rm(draft, { force: true });
  const canShare = (wanted.mode & 0o005) === 0o005 && wanted.uid === 0;
  if (!canShare || !(await tryLink(source, draft))) {
    try {
      await copyFile(source, draft, constants.COPYFILE_FICLONE);
    } catch (error) {
      await rm(draft, { force: true });
      // The copy of an earlier Node runs the hook too, and a full disk must not keep the platform from starting.
      if (found && isFullDisk(error)) return;
      throw error;
    }
    await chmod(draft, 0o755);
    await utimes(draft, wanted.atime, wanted.mtime);
  }
  await rename(draft, target);
}

function isFullDisk(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

async function tryLink(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch {
    return false;
  }
}

/** It belongs to util-linux. Without it git's memory is not limited. */
export function hasPrlimit(): boolean {
  return existsSync('/usr/bin/prlimit');
}
