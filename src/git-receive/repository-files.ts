import type { Dirent } from 'node:fs';
import { chmod, chown, lstat, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../domain/errors.ts';
import { writeWhole } from '../system/durable-file.ts';
import { type GitUser, isPlain, letThrough } from './git-user.ts';

/** Only what git requires of a bare repository. Everything else is configured with each command (git-config.ts). */
const config = '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n';
const firstHead = 'ref: refs/heads/main\n';

/** git's user can read the file and cannot write it. */
const forGit = { mode: 0o644 } as const;

/**
 * Makes a bare repository, whole or not at all, unless there is one. git's user owns the objects and refs. The
 * configuration and HEAD belong to the platform, and the folder's sticky bit keeps git's user from replacing them.
 */
export async function createRepositoryFiles(path: string, user: GitUser | null): Promise<void> {
  if (await isPlain(path, 'folder')) return;
  const draft = `${path}.new-${process.pid}-${performance.now()}`;
  for (const folder of ['objects/info', 'objects/pack', 'refs/heads', 'refs/tags']) {
    await mkdir(join(draft, folder), { recursive: true, mode: 0o700 });
  }
  await writeWhole(join(draft, 'config'), config, forGit);
  await writeWhole(join(draft, 'HEAD'), firstHead, forGit);
  if (user) {
    for (const folder of ['objects', 'objects/pack', 'refs', 'refs/heads', 'refs/tags']) {
      await chown(join(draft, folder), user.uid, user.gid);
    }
    await letThrough(join(draft, 'objects/info'), user);
    await chown(draft, -1, user.gid);
    await chmod(draft, 0o1770);
  }
  try {
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!(await isPlain(path, 'folder'))) throw error;
  }
}

/** Removes the repository. It disappears at once, by a rename. May be called again. */
export async function removeRepositoryFiles(path: string): Promise<void> {
  const trash = `${path}.old-${process.pid}-${performance.now()}`;
  try {
    await rename(path, trash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await rm(trash, { recursive: true, force: true });
}

/** Points HEAD to the ref, so that clones check out the branch that is deployed. */
export async function pointHead(path: string, ref: string): Promise<void> {
  const head = join(path, 'HEAD');
  const content = `ref: ${ref}\n`;
  if ((await readFile(head, 'utf8')) === content) return;
  await writeWhole(head, content, forGit);
}

/** Throws `internal` when the repository borrows objects, which would be another app's. No push can cause that. */
export async function assertNoAlternates(path: string): Promise<void> {
  for (const name of ['alternates', 'http-alternates']) {
    if (await lstat(join(path, 'objects', 'info', name)).catch(() => null)) {
      throw new PlatformError('internal', `${path} borrows objects from elsewhere (objects/info/${name}).`);
    }
  }
}

export async function bytesOnDisk(path: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true }).catch(missing)) {
    if (!entry.isFile()) continue;
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => null);
    // Blocks and not length, because the limit is for the disk.
    bytes += (found?.blocks ?? 0) * 512;
  }
  return bytes;
}

export async function countPacks(path: string): Promise<number> {
  const names = await readdir(join(path, 'objects', 'pack')).catch(() => []);
  return names.filter((name) => name.endsWith('.pack')).length;
}

const leftOverFolder = /^(?:tmp_objdir-)?incoming-|^bulk-fsync-/;
const leftOverAtTop: ReadonlySet<string> = new Set(['packed-refs.new', 'gc.pid', 'HEAD.new']);
const leftOverFile = /^tmp_(?:obj|pack|idx|rev)_|^\.tmp-|\.lock$/;

/**
 * Removes what killed git processes left: quarantines, half packs, locks. Call only while no git process changes the
 * repository.
 */
export async function sweepRepositoryFiles(path: string): Promise<void> {
  const found = await readdir(path, { withFileTypes: true, recursive: true }).catch(missing);
  for (const entry of found) {
    if (!isLeftOver(entry, entry.parentPath === path)) continue;
    await rm(join(entry.parentPath, entry.name), { recursive: true, force: true });
  }
}

function isLeftOver(entry: Dirent, isAtTop: boolean): boolean {
  if (entry.isDirectory()) return leftOverFolder.test(entry.name);
  return leftOverFile.test(entry.name) || (isAtTop && leftOverAtTop.has(entry.name));
}

/** Removes what killed processes left in all repositories. Call only while no git process runs on any. */
export async function sweep(repos: string): Promise<void> {
  for (const name of await readdir(repos)) {
    const path = join(repos, name);
    if (/\.git\.(?:new|old)-/.test(name)) await rm(path, { recursive: true, force: true });
    else if (name.endsWith('.git')) await sweepRepositoryFiles(path);
  }
}

function missing(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
