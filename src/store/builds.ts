import type { Build } from '../domain/build.ts';
import type { Builds } from '../domain/store.ts';
import { newId } from './ids.ts';
import { found, toDate, toDateOrNull, toText, toTextOrNull, unnumbered } from './rows.ts';
import type { BuildRow, Unnumbered } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

/** `list` is newest first. `listByState` is oldest first, as a queue is served. */
export function buildsTable(scope: Scope): Builds {
  return {
    create: (build) => scope.write((tx) => insert(tx, build)),
    find: (id) =>
      scope.read(async ({ db }) => {
        const row = await db.selectFrom('builds').selectAll().where('id', '=', id).executeTakeFirst();
        return row ? toBuild(row) : null;
      }),
    list: (appId) =>
      scope.read(async ({ db }) => {
        const rows = await db
          .selectFrom('builds')
          .selectAll()
          .where('appId', '=', appId)
          .orderBy('seq', 'desc')
          .execute();
        return rows.map(toBuild);
      }),
    listByState: (state) =>
      scope.read(async ({ db }) => {
        const rows = await db.selectFrom('builds').selectAll().where('state', '=', state).orderBy('seq').execute();
        return rows.map(toBuild);
      }),
    lastEnded: (appIds) =>
      scope.read(async ({ db }) => {
        if (appIds.length === 0) return new Map();
        const rows = await db
          .selectFrom('builds')
          .select(({ fn }) => ['appId', fn.max('endedAt').as('ended')])
          .where('appId', 'in', appIds)
          .where('startedAt', 'is not', null)
          .groupBy('appId')
          .execute();
        return new Map(rows.flatMap(({ appId, ended }) => (ended ? [[appId, toDate(ended)]] : [])));
      }),
    update: (id, changes) => scope.write((tx) => update(tx, id, changes)),
    prune: (appId, keep) => scope.write((tx) => prune(tx, appId, keep)),
  };
}

async function insert(tx: Tx, build: Parameters<Builds['create']>[0]): Promise<Build> {
  const now = tx.clock.now();
  const row: Unnumbered<BuildRow> = {
    id: newId(),
    appId: build.appId,
    pushId: build.pushId,
    commit: build.commit,
    treeId: build.treeId,
    state: 'queued',
    reason: null,
    artifactId: null,
    worker: null,
    createdAt: toText(now),
    startedAt: null,
    endedAt: null,
  };
  await tx.db.insertInto('builds').values(row).execute();
  tx.changed('builds', row.appId, row.id);
  return toBuild(row);
}

async function update(tx: Tx, id: string, changes: Parameters<Builds['update']>[1]): Promise<Build> {
  const { startedAt, endedAt, ...plain } = changes;
  const row = await tx.db
    .updateTable('builds')
    .set({
      ...plain,
      ...(startedAt !== undefined && { startedAt: toTextOrNull(startedAt) }),
      ...(endedAt !== undefined && { endedAt: toTextOrNull(endedAt) }),
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
  const build = toBuild(found(row, `build ${id}`));
  tx.changed('builds', build.appId, id);
  return build;
}

async function prune({ db }: Tx, appId: string, keep: number): Promise<void> {
  const kept = db.selectFrom('builds').select('seq').where('appId', '=', appId).orderBy('seq', 'desc').limit(keep);
  await db
    .deleteFrom('builds')
    .where('appId', '=', appId)
    .where('state', 'not in', ['queued', 'building'])
    .where('seq', 'not in', kept)
    .execute();
}

export function toBuild(row: Unnumbered<BuildRow>): Build {
  return {
    ...unnumbered(row),
    createdAt: toDate(row.createdAt),
    startedAt: toDateOrNull(row.startedAt),
    endedAt: toDateOrNull(row.endedAt),
  };
}
