import type { Push } from '../domain/push.ts';
import type { Pushes } from '../domain/store.ts';
import { newId } from './ids.ts';
import { toDate, toText, unnumbered } from './rows.ts';
import type { PushRow, Unnumbered } from './schema.ts';
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
  const row: Unnumbered<PushRow> = {
    id: newId(),
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
  const kept = db.selectFrom('pushes').select('seq').where('appId', '=', appId).orderBy('seq', 'desc').limit(keep);
  await db
    .deleteFrom('pushes')
    .where('appId', '=', appId)
    .where('seq', 'not in', kept)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('builds').select('builds.id').whereRef('builds.pushId', '=', 'pushes.id'))),
    )
    .execute();
}

function toPush(row: Unnumbered<PushRow>): Push {
  return { ...unnumbered(row), createdAt: toDate(row.createdAt) };
}
