import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { type SqliteDatabase, SqliteDialect, type SqliteStatement, sql } from 'kysely';
import { PlatformError } from '../domain/errors.ts';
import { isOutOfRoom, spaceInWords } from '../system/disk-space.ts';
import { alreadyExists, type Database, ownerMissing } from './database.ts';

/** How long a statement waits for another program (the launcher, a backup) that holds the file. */
const busyTimeoutMs = 5000;
/** A store up to this size is checked whenever it is opened: 2 ms for each MB. */
const checkedBytes = 128 * 1024 * 1024;
const walKeptBytes = 16 * 1024 * 1024;
/** The platform's own statements number about a hundred; the bound is for lists of parameters that vary. */
const maxCachedStatements = 500;

/** The file at the path; made when it is missing. Kysely hands its one connection to one query or transaction at a time. */
export function sqliteDatabase(path: string): Database {
  return {
    name: path,
    dialect: new SqliteDialect({ database: async () => openSqlite(path) }),
    words: { seq: 'integer primary key autoincrement', bytes: 'integer', strict: 'strict' },
    async check(db) {
      if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > checkedBytes) return;
      const { rows } = await sql<{ quick_check: string }>`pragma quick_check(1)`.execute(db);
      const found = rows[0]?.quick_check ?? 'ok';
      if (found !== 'ok') throw damaged(path, found);
    },
    // Immediate: a transaction that reads first and writes later could not wait for another program's write.
    begin: async (connection) => {
      await sql`begin immediate`.execute(connection);
    },
    // https://sqlite.org/pragma.html#pragma_data_version
    async writesOfOthers(connection) {
      const { rows } = await sql<Record<string, number>>`pragma data_version`.execute(connection);
      return Object.values(rows[0] ?? {})[0] ?? null;
    },
    isUniqueViolation,
    isDiskFull: (error) => isDiskFull(error, path),
    toPlatformError: (error) => toPlatformError(error, path),
  };
}

/**
 * `node:sqlite` in the shape that Kysely's SqliteDialect wants (better-sqlite3's). The file is made with mode 0600, and
 * SQLite gives its -wal and -shm the same.
 */
function openSqlite(path: string): SqliteDatabase {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true });
  // FULL: an acknowledged commit is on the disk when the power goes (in WAL mode, NORMAL would lose the last ones).
  database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 1000;');
  // The space that a large transaction took in the -wal is given back.
  database.exec(`pragma journal_size_limit = ${walKeptBytes};`);
  return new CachingDatabase(database);
}

class CachingDatabase implements SqliteDatabase {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  prepare(sql: string): SqliteStatement {
    const cached = this.#statements.get(sql);
    if (cached) return cached;
    const statement = toKyselyStatement(this.#database.prepare(sql));
    if (this.#statements.size >= maxCachedStatements) this.#statements.clear();
    this.#statements.set(sql, statement);
    return statement;
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}

function toKyselyStatement(statement: StatementSync): SqliteStatement {
  const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}

/** SQLite's result codes: https://sqlite.org/rescode.html */
const resultCode = {
  busy: 5,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
  foreignKey: 787,
} as const;
const uniqueCodes: ReadonlySet<number> = new Set([1555, 2067]);

function errorNumber(error: unknown): number | null {
  const { errcode } = error as { readonly errcode?: unknown };
  return error instanceof Error && typeof errcode === 'number' ? errcode : null;
}

function isUniqueViolation(error: unknown): boolean {
  const number = errorNumber(error);
  return number !== null && uniqueCodes.has(number);
}

function diskFull(path: string, cause: unknown): PlatformError {
  const folder = dirname(path);
  const message = `The disk is full (${spaceInWords(folder)}): nothing can be written to ${path}.`;
  const hint = `Free some space on the disk of ${folder}; nothing needs to be restarted.`;
  return new PlatformError('unavailable', message, { cause, hint });
}

function isDiskFull(error: unknown, path: string): boolean {
  const code = (errorNumber(error) ?? 0) & 0xff;
  if (code === resultCode.full) return true;
  // SQLite has no word of its own for a quota, nor for a disk without room for the index of its log.
  return (code === resultCode.ioError || code === resultCode.cannotOpen) && isOutOfRoom(dirname(path));
}

function isOfFileSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

function notOpened(path: string, error: NodeJS.ErrnoException): PlatformError {
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') return diskFull(path, error);
  return new PlatformError('unavailable', `${path} cannot be opened: ${error.message}.`, {
    cause: error,
    hint: `It must be a file that the user of the platform can read and write. See: ls -l ${dirname(path)}`,
  });
}

function damaged(path: string, how: string, cause?: unknown): PlatformError {
  return new PlatformError('internal', `${path} is damaged: ${how}.`, {
    cause,
    hint: 'To put back the newest backup: paas platform:restore. What is there now is kept beside it.',
  });
}

function toPlatformError(error: unknown, path: string): unknown {
  if (error instanceof PlatformError) return error;
  const number = errorNumber(error);
  if (number === null) return isOfFileSystem(error) ? notOpened(path, error) : error;
  if (isUniqueViolation(error)) return alreadyExists(error);
  if (number === resultCode.foreignKey) return ownerMissing(error);
  switch (number & 0xff) {
    case resultCode.busy:
      return new PlatformError('busy', `${path} was held by another program for ${busyTimeoutMs / 1000} s.`, {
        cause: error,
      });
    case resultCode.full:
      return diskFull(path, error);
    case resultCode.readOnly:
      return new PlatformError('unavailable', `${path} cannot be written: its file system is mounted read-only.`, {
        cause: error,
        hint: `See why with: dmesg. Then make ${dirname(path)} writable again; nothing needs to be restarted.`,
      });
    case resultCode.ioError:
    case resultCode.cannotOpen:
      if (isDiskFull(error, path)) return diskFull(path, error);
      return new PlatformError('unavailable', `${path} cannot be read or written: ${(error as Error).message}.`, {
        cause: error,
        hint: `See whether the disk of ${dirname(path)} is damaged: dmesg`,
      });
    case resultCode.corrupt:
    case resultCode.notADatabase:
      return damaged(path, (error as Error).message, error);
    default:
      return new PlatformError('internal', `The store failed: ${(error as Error).message}.`, { cause: error });
  }
}
