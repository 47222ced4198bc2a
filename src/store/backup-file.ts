import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { PlatformError } from '../domain/errors.ts';

/** A verified copy of a store, read from the copy itself. */
export interface BackupFacts {
  readonly path: string;
  readonly bytes: number;
  readonly platformId: string;
  /** The newest event in it; null when it has none. */
  readonly newestChange: Date | null;
  /** The start of the platform in which it was made. */
  readonly term: number;
  readonly apps: number;
  /** Rows in all tables together. */
  readonly rows: number;
  /** The ids of the root keys that open its secrets. */
  readonly rootKeyIds: readonly string[];
}

/** In one go: a copy in parts begins again whenever somebody writes. */
const allPages = 2 ** 30;

/**
 * Copies a store that may be in use to the path: one state between two transactions, whole or not at all. The copy is
 * opened and checked before it gets its name. It has no key: secrets in it stay sealed. Throws `internal` for a store
 * that is damaged, and the file system's error.
 */
export async function makeBackup(state: string, path: string): Promise<BackupFacts> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    closeSync(openSync(draft, 'wx', 0o600));
    const source = new DatabaseSync(state, { readOnly: true, timeout: 5000 });
    try {
      await backup(source, draft, { rate: allPages });
    } finally {
      source.close();
    }
    const facts = { ...checkBackup(draft), path };
    sync(draft);
    renameSync(draft, path);
    sync(dirname(path));
    return facts;
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${draft}${suffix}`, { force: true });
  }
}

/** Checks every page and every row of a backup, and makes it one file. Throws `invalid_params` for what is no store. */
export function checkBackup(path: string): BackupFacts {
  try {
    const bytes = statSync(path).size;
    if (bytes === 0) throw new Error('it is empty');
    const database = new DatabaseSync(path);
    try {
      const [found] = Object.values(database.prepare('pragma integrity_check(1)').get() ?? {});
      if (found !== 'ok') throw new Error(String(found));
      // A copy keeps the mode of its source, which would leave its last changes in a second file.
      database.exec('pragma journal_mode = delete');
      return { ...factsIn(database), path, bytes };
    } finally {
      database.close();
    }
  } catch (cause) {
    throw new PlatformError('invalid_params', `${path} is no whole backup of a store: ${(cause as Error).message}.`, {
      hint: 'See the backups that there are: paas platform:backups',
      cause,
    });
  }
}

function factsIn(database: DatabaseSync): Omit<BackupFacts, 'path' | 'bytes'> {
  const value = (query: string) => Object.values(database.prepare(query).get() ?? {})[0] ?? null;
  const tables = database
    .prepare("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")
    .all();
  const rows = tables.reduce((sum, { name }) => sum + Number(value(`select count(*) from "${String(name)}"`)), 0);
  const platformId = value("select value from settings where name = 'platform.id'");
  if (typeof platformId !== 'string') throw new Error('it has no platform in it');
  const newest = value('select at from events order by seq desc limit 1');
  return {
    platformId,
    newestChange: typeof newest === 'string' ? new Date(newest) : null,
    term: Number(value("select value from settings where name = 'leader.term'") ?? 0),
    apps: Number(value('select count(*) from apps')),
    rows,
    rootKeyIds: database
      .prepare('select distinct root_key_id from data_keys')
      .all()
      .map(({ root_key_id }) => String(root_key_id)),
  };
}

/** Copies the file of a root key: whole, forced to the disk, for its owner only. */
export function copyRootKey({ from, to }: { readonly from: string; readonly to: string }): void {
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
  const draft = `${to}.${process.pid}.tmp`;
  try {
    copyFileSync(from, draft);
    chmodSync(draft, 0o600);
    sync(draft);
    renameSync(draft, to);
    sync(dirname(to));
  } finally {
    rmSync(draft, { force: true });
  }
}

export function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
