import { PostgresDialect, type PostgresPool, sql } from 'kysely';
import { PlatformError } from '../domain/errors.ts';
import { alreadyExists, type Database, ownerMissing } from './database.ts';

export interface PostgresOptions {
  /** The server and the database, without a password, for messages to people. */
  readonly name: string;
  /**
   * Has the shape of a pool of `pg`. Its clients return a `bigint` as a number. It is ended when the store is closed.
   */
  readonly pool: PostgresPool;
}

/** How long a transaction waits for another process that writes. */
const lockTimeoutMs = 5000;
/** The advisory lock that is the right to write to the store: "paas" in ASCII. */
const writerLock = 0x70616173;

/** A database on a PostgreSQL server. It must be encoded in UTF-8 and compare text by code points, as SQLite does. */
export function postgresDatabase({ name, pool }: PostgresOptions): Database {
  return {
    name,
    dialect: new PostgresDialect({ pool }),
    words: { seq: 'bigint generated always as identity primary key', bytes: 'bigint', strict: '' },
    async check(db) {
      const { rows } = await sql<{ fits: boolean }>`
        select 'B' < 'a' and current_setting('server_encoding') = 'UTF8' as fits`.execute(db);
      if (rows[0]?.fits) return;
      throw new PlatformError('conflict', `${name} does not compare text by the code points of UTF-8.`, {
        hint: 'Make the database with: createdb --template=template0 --encoding=UTF8 --locale=C NAME',
      });
    },
    async begin(connection) {
      await sql`begin`.execute(connection);
      await sql`select set_config('lock_timeout', ${String(lockTimeoutMs)}, true)`.execute(connection);
      await sql`select pg_advisory_xact_lock(${sql.lit(writerLock)})`.execute(connection);
    },
    writesOfOthers: async () => null,
    isUniqueViolation: (error) => sqlState(error) === '23505',
    // The server's disk is its own.
    isDiskFull: () => false,
    toPlatformError: (error) => toPlatformError(error, name),
  };
}

/** Five letters and digits, of which the first two are the class: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function sqlState(error: unknown): string | null {
  const { code } = error as { readonly code?: unknown };
  return error instanceof Error && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

const outOfReach: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'ENOTFOUND', 'ETIMEDOUT']);

function toPlatformError(error: unknown, name: string): unknown {
  if (error instanceof PlatformError || !(error instanceof Error)) return error;
  const state = sqlState(error);
  const options = { cause: error };
  if (state === '23505') return alreadyExists(error);
  if (state === '23503') return ownerMissing(error);
  // Lock not available.
  if (state === '55P03')
    return new PlatformError('busy', `${name} was held by another process for ${lockTimeoutMs / 1000} s.`, options);
  if (state === '53100') {
    const hint = "Free some space on the disk of the database's server; nothing needs to be restarted.";
    return new PlatformError('unavailable', `The disk is full: nothing can be written to ${name}.`, {
      ...options,
      hint,
    });
  }
  // A connection that failed, missing resources, and a server that is being stopped or started.
  if (outOfReach.has((error as NodeJS.ErrnoException).code) || /^(08|53|57P)/.test(state ?? ''))
    return new PlatformError('unavailable', `${name} does not answer: ${error.message}.`, options);
  if (state === null) return error;
  return new PlatformError('internal', `The store failed: ${error.message}.`, options);
}
