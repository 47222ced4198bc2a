import { readdirSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { paths } from '../config/paths.ts';
import { PlatformError } from '../domain/errors.ts';
import { bytesInWords, diskSpace, spaceInWords } from '../system/disk-space.ts';
import { type BackupFacts, copyRootKey, makeBackup } from './backup-file.ts';
import { readRootKey, rootKeyPath } from './root-key.ts';

const keptFreeBytes = 16 * 1024 * 1024;

/** A backup in PAAS_HOME. Only one that was checked has its name. */
export interface StoredBackup {
  readonly path: string;
  readonly at: Date;
  readonly bytes: number;
}

const named = /^(\d{4}-\d\d-\d\d)T(\d\d)(\d\d)(\d\d)Z\.db$/;

/** The backups of a home, newest first. */
export function listBackups(home: string): readonly StoredBackup[] {
  const { backups } = paths(home);
  return namesIn(backups)
    .sort()
    .reverse()
    .flatMap((name) => {
      const [, day, hour, minute, second] = named.exec(name) ?? [];
      if (day === undefined) return [];
      const path = join(backups, name);
      const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      return [{ path, at: new Date(`${day}T${hour}:${minute}:${second}Z`), bytes }];
    });
}

/** Where the copy of a root key lies, apart from the backups that it opens. */
export function keyCopyPath(home: string, keyId: string): string {
  return join(paths(home).backups, 'keys', `${keyId}.key`);
}

/**
 * Makes a backup of the home's store, with its root key in a file apart, and then removes the oldest beyond `kept`. When
 * it fails, all that there were stay. Throws as `makeBackup`.
 */
export async function backUp(
  home: string,
  { now, kept }: { readonly now: Date; readonly kept: number },
): Promise<BackupFacts> {
  const { state, keys, backups } = paths(home);
  for (const name of namesIn(backups)) if (name.includes('.tmp')) rmSync(join(backups, name), { force: true });
  const key = readRootKey(keys);
  if (key) copyRootKey({ from: rootKeyPath(keys), to: keyCopyPath(home, key.id) });
  requireSpace(home, statSync(state).size);
  const stamp = now.toISOString().slice(0, 19).replaceAll(':', '');
  const made = await makeBackup(state, join(backups, `${stamp}Z.db`));
  for (const { path } of listBackups(home).slice(Math.max(1, kept))) {
    if (basename(path) !== basename(made.path)) rmSync(path, { force: true });
  }
  return made;
}

/** Room for the copy, and as much as the platform's own changes need. */
function requireSpace(home: string, bytes: number): void {
  const space = diskSpace(home);
  if (space === null || space.freeBytes >= bytes + keptFreeBytes) return;
  throw new PlatformError(
    'unavailable',
    `The disk has no room for a backup of ${bytesInWords(bytes)}: ${spaceInWords(home)}.`,
    {
      hint: `Free some space on the disk of ${home}, or make the backup elsewhere: paas platform:backup FILE`,
    },
  );
}

/** The last time, before now, at which the clock of this machine showed the hour. */
export function lastNight(now: Date, hour = 3): Date {
  const night = new Date(now);
  night.setHours(hour, 0, 0, 0);
  if (night > now) night.setDate(night.getDate() - 1);
  return night;
}

/** Whether there is no backup of the last night yet. */
export function isBackupDue(home: string, now: Date): boolean {
  const [newest] = listBackups(home);
  return newest === undefined || newest.at < lastNight(now);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
