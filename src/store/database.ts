import type { Dialect, Kysely } from 'kysely';
import { PlatformError } from '../domain/errors.ts';

/** All that tells one database from another: the store's SQL is the subset that they have in common. */
export interface Database {
  /** In messages to people: where the data is. */
  readonly name: string;
  readonly dialect: Dialect;
  readonly words: ColumnWords;
  /** Asked once, before anything is written. Throws `conflict` for a database that would not keep the store's promises. */
  check(db: Kysely<unknown>): Promise<void>;
  /** Begins a transaction. Until its end no other one that was begun so is under way, in this process or another. */
  begin(connection: Kysely<unknown>): Promise<void>;
  /** A number that has changed when another process has written since; null where the database does not tell. */
  writesOfOthers(connection: Kysely<unknown>): Promise<number | null>;
  /** True when a row with this name, number or id is there already. */
  isUniqueViolation(error: unknown): boolean;
  /** The driver's error in the platform's words; PlatformErrors pass unchanged. */
  toPlatformError(error: unknown): unknown;
}

/** What the databases call the same thing by different words, for migrations. */
export interface ColumnWords {
  /** A primary key that the database gives and that grows from transaction to transaction, whatever is removed. */
  readonly seq: string;
  /** A number of bytes, above 4 GB too. */
  readonly bytes: string;
  /** What ends a table whose columns are to check the types of their values. */
  readonly strict: string;
}

export function thereAlready(cause: unknown): PlatformError {
  return new PlatformError('conflict', 'That is there already.', { cause });
}

export function ownerMissing(cause: unknown): PlatformError {
  return new PlatformError('conflict', 'The account, app, release or host that this belongs to is not there.', {
    cause,
  });
}
