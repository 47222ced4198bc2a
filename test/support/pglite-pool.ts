import type { PGlite } from '@electric-sql/pglite';
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';

/** PGlite as the pool of one connection, which is handed to one user at a time. Ending the pool leaves PGlite open. */
export function pglitePool(pglite: Pick<PGlite, 'query'>): PostgresPool {
  let last: Promise<void> = Promise.resolve();
  return {
    options: {},
    async connect() {
      const { promise, resolve } = Promise.withResolvers<void>();
      const before = last;
      last = promise;
      await before;
      return {
        query: (text: string, values: unknown[]) => query(pglite, text, values),
        release: resolve,
      } as PostgresPoolClient;
    },
    end: async () => undefined,
  };
}

async function query<R>(
  pglite: Pick<PGlite, 'query'>,
  text: string,
  values: unknown[],
): Promise<PostgresQueryResult<R>> {
  const { rows, affectedRows = 0 } = await pglite.query<R>(text, values);
  const command = /^\s*\w+/.exec(text)?.[0].trim().toUpperCase() as PostgresQueryResult<R>['command'];
  return { command, rowCount: affectedRows, rows };
}
