import type { ConfigVars } from '../domain/config-vars.ts';
import type { Release, ReleaseStatus, ReleaseWithConfig } from '../domain/release.ts';
import type { Releases } from '../domain/store.ts';
import { newId } from './ids.ts';
import { found, toDate, toText } from './rows.ts';
import type { ReleaseRow } from './schema.ts';
import type { Scope, Tx } from './scope.ts';
import type { SealContext } from './seal.ts';

/** Without a limit, `list` gives the newest 1,000. */
const defaultLimit = 1000;

export function releasesTable(scope: Scope): Releases {
  return {
    create: (release) => scope.write((tx) => insert(tx, release)),
    find: (id) =>
      scope.read(async (tx) => {
        const row = await tx.db.selectFrom('releases').selectAll().where('id', '=', id).executeTakeFirst();
        return row ? await withConfig(tx, row) : null;
      }),
    findByVersion: (appId, version) =>
      scope.read(async (tx) => {
        const row = await tx.db
          .selectFrom('releases')
          .selectAll()
          .where('appId', '=', appId)
          .where('version', '=', version)
          .executeTakeFirst();
        return row ? await withConfig(tx, row) : null;
      }),
    list: (appId, limit = defaultLimit) =>
      scope.read(async ({ db }) => {
        const rows = await db
          .selectFrom('releases')
          .selectAll()
          .where('appId', '=', appId)
          .orderBy('version', 'desc')
          .limit(limit)
          .execute();
        return rows.map(toRelease);
      }),
    setStatus: (id, status) => scope.write((tx) => setStatus(tx, id, status)),
    prune: (appId, keep) => scope.write((tx) => prune(tx, appId, keep)),
  };
}

async function insert(tx: Tx, release: Parameters<Releases['create']>[0]): Promise<Release> {
  const now = tx.clock.now();
  const { appId } = release;
  const last = await tx.db
    .selectFrom('releases')
    .select(({ fn }) => fn.max('version').as('version'))
    .where('appId', '=', appId)
    .executeTakeFirst();
  const version = (last?.version ?? 0) + 1;
  const row: ReleaseRow = {
    id: newId(),
    appId,
    version,
    artifactId: release.artifactId,
    cause: release.cause,
    description: release.description,
    accountId: release.accountId,
    status: 'pending',
    sealedConfig: await tx.seals.seal(tx, sealContext(appId, version), JSON.stringify(release.config)),
    createdAt: toText(now),
  };
  await tx.db.insertInto('releases').values(row).execute();
  tx.changed('releases', appId, row.id);
  return toRelease(row);
}

async function setStatus(tx: Tx, id: string, status: ReleaseStatus): Promise<void> {
  const row = await tx.db
    .updateTable('releases')
    .set({ status })
    .where('id', '=', id)
    .returning('appId')
    .executeTakeFirst();
  tx.changed('releases', found(row, `release ${id}`).appId, id);
}

async function prune({ db }: Tx, appId: string, keep: number): Promise<void> {
  const kept = db.selectFrom('releases').select('id').where('appId', '=', appId).orderBy('version', 'desc').limit(keep);
  const serving = db.selectFrom('traffic').select('releaseId').where('appId', '=', appId);
  // With a null in the list, `not in` would be true for no release.
  const running = db
    .selectFrom('instances')
    .select('releaseId')
    .where('appId', '=', appId)
    .where('releaseId', 'is not', null);
  await db
    .deleteFrom('releases')
    .where('appId', '=', appId)
    .where('status', '!=', 'pending')
    .where('id', 'not in', kept)
    .where('id', 'not in', serving)
    .where('id', 'not in', running)
    .execute();
}

async function withConfig(tx: Tx, row: ReleaseRow): Promise<ReleaseWithConfig> {
  const config = await tx.seals.open(tx, sealContext(row.appId, row.version), row.sealedConfig);
  return { ...toRelease(row), config: JSON.parse(config) as ConfigVars };
}

function sealContext(appId: string, version: number): SealContext {
  return { table: 'releases', appId, name: 'config', version };
}

export function toRelease({ sealedConfig: _, ...row }: ReleaseRow): Release {
  return { ...row, createdAt: toDate(row.createdAt) };
}
