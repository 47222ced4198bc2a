import type { Dialect, Kysely } from 'kysely';
import { PlatformError } from '../domain/errors.ts';

/** Everything in which the databases differ. All other SQL of the store is the subset that they have in common. */
export interface Database {
  /** Where the data is, for messages to people. */
  readonly name: string;
  readonly dialect: Dialect;
  readonly words: ColumnWords;
  /**
   * Called once, before anything is written. Throws `conflict` for a database that would not keep the store's promises.
   */
  check(db: Kysely<unknown>): Promise<void>;
  /**
   * Begins a transaction. Until it ends, no other transaction that was begun this way runs, in this process or another.
   */
  begin(connection: Kysely<unknown>): Promise<void>;
  /** A number that differs after another process has written. Null where the database does not tell. */
  writesOfOthers(connection: Kysely<unknown>): Promise<number | null>;
  /** True when a row with this name, number or id exists already. */
  isUniqueViolation(error: unknown): boolean;
  /** True when the disk of this machine did not take a write. */
  isDiskFull(error: unknown): boolean;
  /** The driver's error in the platform's words; PlatformErrors pass unchanged. */
  toPlatformError(error: unknown): unknown;
}

/** The words for columns that differ between the databases, for migrations. */
export interface ColumnWords {
  /**
   * A primary key that the database assigns, and that grows from transaction to transaction even when rows were
   * removed.
   */
  readonly seq: string;
  /** A number of bytes, above 4 GB too. */
  readonly bytes: string;
  /** The end of a table's definition, so that its columns check the types of their values. */
  readonly strict: string;
}

export function alreadyExists(cause: unknown): PlatformError {
  return new PlatformError('conflict', 'It exists already.', { cause });
}

export function ownerMissing(cause: unknown): PlatformError {
  return new PlatformError('conflict', 'The account, app, release or host that this belongs to is not there.', {
    cause,
  });
}
