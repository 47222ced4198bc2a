import type { Push } from '../domain/push.ts';
import type { Pushes } from '../domain/store.ts';
import { newId } from './ids.ts';
import { toDate, toText } from './rows.ts';
import type { PushRow } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

export function pushesTable(scope: Scope): Pushes {
  return {
    create: (push) => scope.write((tx) => insert(tx, push)),
    find: (id) =>
      scope.read(async ({ db }) => {
        const row = await db.selectFrom('pushes').selectAll().where('id', '=', id).executeTakeFirst();
        return row ? toPush(row) : null;
      }),
    prune: (appId, keep) => scope.write((tx) => prune(tx, appId, keep)),
  };
}

async function insert({ db, clock }: Tx, push: Parameters<Pushes['create']>[0]): Promise<Push> {
  const now = clock.now();
  const row: PushRow = {
    id: newId(now),
    appId: push.appId,
    ref: push.ref,
    oldCommit: push.oldCommit,
    newCommit: push.newCommit,
    accountId: push.accountId,
    createdAt: toText(now),
  };
  await db.insertInto('pushes').values(row).execute();
  return toPush(row);
}

async function prune({ db }: Tx, appId: string, keep: number): Promise<void> {
  const kept = db.selectFrom('pushes').select('id').where('appId', '=', appId).orderBy('id', 'desc').limit(keep);
  await db
    .deleteFrom('pushes')
    .where('appId', '=', appId)
    .where('id', 'not in', kept)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('builds').select('builds.id').whereRef('builds.pushId', '=', 'pushes.id'))),
    )
    .execute();
}

function toPush(row: PushRow): Push {
  return { ...row, createdAt: toDate(row.createdAt) };
}
