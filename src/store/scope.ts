import { AsyncLocalStorage } from 'node:async_hooks';
import { type Kysely, sql } from 'kysely';
import { PlatformError } from '../domain/errors.ts';
import type { Change } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';
import { ChangeList, type Changes } from './change-feed.ts';
import type { Database } from './database.ts';
import type { Schema } from './schema.ts';
import type { Seals } from './seal.ts';

/** What the functions of a table work with: one connection, inside or outside of a transaction. */
export interface Tx {
  readonly db: Kysely<Schema>;
  readonly seals: Seals;
  readonly clock: Clock;
  /** Tells a name that is taken from other failures of a statement. */
  readonly isUniqueViolation: (error: unknown) => boolean;
  /** Adds a change that is published after the commit. */
  changed(table: Change['table'], appId: string, id: string): void;
}

/**
 * A public function of a table is one `read` or one `write`. A write is a transaction, or a part of the one around it.
 */
export interface Scope {
  read<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
}

/**
 * A transaction waits for nothing but the database. One that takes this long waits for something else, and everybody
 * waits for it.
 */
const transactionDeadlineMs = 10_000;

export interface ScopeDeps {
  readonly db: Kysely<Schema>;
  readonly database: Database;
  readonly seals: Seals;
  readonly clock: Clock;
  readonly changes: Changes;
  readonly makeRoom: (hasFailed: boolean) => void;
}

/** The scope of the store itself. */
export class StoreScope implements Scope {
  readonly #deps: ScopeDeps;
  /** Set within the work of a transaction, to detect a use of the outer store there: it would wait for itself. */
  readonly #current = new AsyncLocalStorage<{ open: boolean }>();

  #writesOfOthers: number | null = null;

  constructor(deps: ScopeDeps) {
    this.#deps = deps;
  }

  async read<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    this.#refuseInside();
    const { db, seals, clock, database } = this.#deps;
    const { isUniqueViolation } = database;
    const changed = () => {
      throw new PlatformError('internal', 'A read changed something.');
    };
    return await translated(database, work({ db, seals, clock, isUniqueViolation, changed }));
  }

  async write<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return await this.transaction((scope) => scope.write(work));
  }

  async transaction<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
    this.#refuseInside();
    const { db, database, makeRoom } = this.#deps;
    makeRoom(false);
    try {
      return await db.connection().execute((connection) => this.#transact(connection, work));
    } catch (error) {
      // For the next one: this one's work may have had other effects, and cannot be run again here.
      if (database.isDiskFull(error)) makeRoom(true);
      throw database.toPlatformError(error);
    }
  }

  async #transact<T>(connection: Kysely<Schema>, work: (scope: Scope) => Promise<T>): Promise<T> {
    const { seals, clock, changes, database } = this.#deps;
    const { isUniqueViolation } = database;
    const changeList = new ChangeList();
    const state = { open: true };
    const changed: Tx['changed'] = (table, appId, id) => changeList.add({ table, appId, id });
    const tx: Tx = { db: connection, seals, clock, isUniqueViolation, changed };
    const within = async <R>(part: (tx: Tx) => Promise<R>): Promise<R> => {
      if (!state.open) throw new PlatformError('internal', 'The tables of a transaction were used after its end.');
      return await part(tx);
    };
    let othersWrote = false;
    try {
      const bare = connection as unknown as Kysely<unknown>;
      await database.begin(bare);
      const before = this.#writesOfOthers;
      this.#writesOfOthers = await database.writesOfOthers(bare);
      othersWrote = before !== null && before !== this.#writesOfOthers;
      const result = await this.#current.run(state, () => beforeDeadline(work({ read: within, write: within })));
      state.open = false;
      await sql`commit`.execute(connection);
      changes.publish(changeList.values());
      return result;
    } catch (error) {
      state.open = false;
      // Fails when the transaction was not begun, or when SQLite has rolled it back after an I/O error.
      await sql`rollback`.execute(connection).catch(() => undefined);
      throw error;
    } finally {
      if (othersWrote) changes.gap();
    }
  }

  #refuseInside(): void {
    if (!this.#current.getStore()?.open) return;
    throw new PlatformError('internal', 'The store was used inside a transaction: use the tables given to it.');
  }
}

async function translated<T>({ toPlatformError }: Database, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toPlatformError(error);
  }
}

async function beforeDeadline<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    const message = `A transaction was not done after ${transactionDeadlineMs / 1000} s.`;
    timer = setTimeout(() => reject(new PlatformError('internal', message)), transactionDeadlineMs);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
