import type { PromisedName } from '../domain/names.ts';
import type { Names } from '../domain/store.ts';
import { isRelated } from './related-hostnames.ts';
import { toDate, toText } from './rows.ts';
import type { NameRow } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

export function namesTable(scope: Scope): Names {
  return {
    put: (name) => scope.write((tx) => put(tx, name)),
    find: (name, state) =>
      scope.read(async ({ db }) => {
        const row = await db
          .selectFrom('names')
          .selectAll()
          .where('name', '=', name)
          .where('state', '=', state)
          .executeTakeFirst();
        return row ? toName(row) : null;
      }),
    list: (accountId) =>
      scope.read(async ({ db }) => {
        let query = db.selectFrom('names').selectAll();
        if (accountId !== undefined) query = query.where('accountId', '=', accountId);
        return (await query.orderBy('name').orderBy('state').execute()).map(toName);
      }),
    related: (hostname) =>
      scope.read(async ({ db }) => {
        const rows = await db
          .selectFrom('names')
          .selectAll()
          .where('state', '=', 'kept')
          .where((where) => isRelated(where.ref('name'), hostname, where))
          .orderBy('name')
          .execute();
        return rows.map(toName);
      }),
    remove: (name, state) =>
      scope.write(async ({ db }) => {
        const row = await db
          .deleteFrom('names')
          .where('name', '=', name)
          .where('state', '=', state)
          .returning('name')
          .executeTakeFirst();
        return row !== undefined;
      }),
    prune: (before, newest) => scope.write((tx) => prune(tx, before, newest)),
  };
}

async function put({ db, clock }: Tx, { name, state, accountId }: Parameters<Names['put']>[0]): Promise<PromisedName> {
  const row: NameRow = { name, state, accountId, createdAt: toText(clock.now()) };
  await db
    .insertInto('names')
    .values(row)
    .onConflict((conflict) => conflict.columns(['name', 'state']).doUpdateSet({ accountId, createdAt: row.createdAt }))
    .execute();
  return toName(row);
}

async function prune({ db }: Tx, before: Date, { accountId, keep }: Parameters<Names['prune']>[1]): Promise<void> {
  await db.deleteFrom('names').where('state', '=', 'kept').where('createdAt', '<', toText(before)).execute();
  const all = await db
    .selectFrom('names')
    .select('name')
    .where('state', '=', 'kept')
    .where('accountId', '=', accountId)
    .orderBy('createdAt', 'desc')
    .orderBy('name')
    .execute();
  for (const { name } of all.slice(keep)) {
    await db.deleteFrom('names').where('state', '=', 'kept').where('name', '=', name).execute();
  }
}

function toName(row: NameRow): PromisedName {
  return { ...row, createdAt: toDate(row.createdAt) };
}
