import { resolve } from 'node:path';
import { paths, type Settings } from '../config/settings.ts';
import { PlatformError } from '../domain/errors.ts';
import { type BackupFacts, copyRootKey, makeBackup } from '../store/backup-file.ts';
import { backUp, keyCopyPath, listBackups } from '../store/backups.ts';
import { isEmptyFile } from '../store/beside.ts';
import { readRootKey, rootKeyPath } from '../store/root-key.ts';
import { bytesInWords } from '../system/disk-space.ts';
import type { Announcer } from './terminal.ts';

type Result = Readonly<Record<string, unknown>>;

/** `paas platform:backup [FILE]`: backs the store up now, while the platform runs or when it does not. */
export async function backUpNow(settings: Settings, file: string | undefined, announcer: Announcer): Promise<Result> {
  const { home } = settings;
  const { state, keys } = paths(home);
  if (isEmptyFile(state)) {
    throw new PlatformError('not_found', `There is no store in ${home} to back up.`, {
      hint: 'Another home is chosen with PAAS_HOME. To put back a backup: paas platform:restore',
    });
  }
  const now = new Date();
  const key = readRootKey(keys);
  const keyPath = key && (file === undefined ? keyCopyPath(home, key.id) : `${resolve(file)}.key`);
  const made =
    file === undefined
      ? await backUp(home, { now, kept: Math.max(1, settings.backupsKept) })
      : await makeBackup(state, resolve(file));
  if (keyPath && file !== undefined) copyRootKey({ from: rootKeyPath(keys), to: keyPath });
  announcer.step(`Backed up ${made.apps} apps (${made.rows} rows, ${bytesInWords(made.bytes)}), checked: ${made.path}`);
  if (keyPath) announcer.detail(`the key that opens its config vars is apart from it: ${keyPath}`);
  announcer.detail(`repositories (${paths(home).repos}) are not in it: any clone can push again`);
  return { ...described(made), key: keyPath };
}

/** `paas platform:backups`. */
export function describeBackups(settings: Settings, announcer: Announcer): Result {
  const backups = listBackups(settings.home);
  if (backups.length === 0) announcer.print(`There are no backups in ${paths(settings.home).backups}.`);
  for (const { path, at, bytes } of backups)
    announcer.print(
      `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC  ${bytesInWords(bytes).padStart(8)}  ${path}`,
    );
  return { backups: backups.map(({ path, at, bytes }) => ({ path, at: at.toISOString(), bytes })) };
}

export function described({ path, bytes, platformId, newestChange, apps, rows }: BackupFacts): Result {
  return { path, bytes, platform_id: platformId, newest_change: newestChange?.toISOString() ?? null, apps, rows };
}
