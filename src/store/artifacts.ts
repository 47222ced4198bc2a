import type { Artifact, ProcessType } from '../domain/build.ts';
import type { Artifacts } from '../domain/store.ts';
import { newId } from './ids.ts';
import { found, toDate, toText, unnumbered } from './rows.ts';
import type { ArtifactRow, Unnumbered } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

/** `list` is newest first. */
export function artifactsTable(scope: Scope): Artifacts {
  return {
    create: (artifact) => scope.write((tx) => insert(tx, artifact)),
    find: (id) =>
      scope.read(async ({ db }) => {
        const row = await db.selectFrom('artifacts').selectAll().where('id', '=', id).executeTakeFirst();
        return row ? toArtifact(row) : null;
      }),
    findByKey: (appId, cacheKey) =>
      scope.read(async ({ db }) => {
        const row = await db
          .selectFrom('artifacts')
          .selectAll()
          .where('appId', '=', appId)
          .where('cacheKey', '=', cacheKey)
          .orderBy('seq', 'desc')
          .limit(1)
          .executeTakeFirst();
        return row ? toArtifact(row) : null;
      }),
    list: (appId) =>
      scope.read(async ({ db }) => {
        const rows = await db
          .selectFrom('artifacts')
          .selectAll()
          .where('appId', '=', appId)
          .orderBy('seq', 'desc')
          .execute();
        return rows.map(toArtifact);
      }),
    setDigest: (id, digest) => scope.write((tx) => setDigest(tx, id, digest)),
    prune: (appId) => scope.write((tx) => prune(tx, appId)),
  };
}

async function insert({ db, clock }: Tx, artifact: Parameters<Artifacts['create']>[0]): Promise<Artifact> {
  const now = clock.now();
  const row: Unnumbered<ArtifactRow> = {
    id: newId(),
    appId: artifact.appId,
    imageId: artifact.imageId,
    digest: null,
    cacheKey: artifact.cacheKey,
    builder: artifact.builder,
    builderName: artifact.builderName,
    processes: JSON.stringify(artifact.processes),
    launcher: artifact.launcher,
    user: artifact.user,
    init: artifact.init,
    exposedPorts: JSON.stringify(artifact.exposedPorts),
    sizeBytes: artifact.sizeBytes,
    createdAt: toText(now),
  };
  await db.insertInto('artifacts').values(row).execute();
  return toArtifact(row);
}

async function setDigest({ db }: Tx, id: string, digest: string): Promise<void> {
  const row = await db.updateTable('artifacts').set({ digest }).where('id', '=', id).returning('id').executeTakeFirst();
  found(row, `artifact ${id}`);
}

async function prune({ db }: Tx, appId: string): Promise<void> {
  const newest = db
    .selectFrom('artifacts')
    .select(({ fn }) => fn.max('seq').as('seq'))
    .where('appId', '=', appId);
  await db
    .deleteFrom('artifacts')
    .where('appId', '=', appId)
    .where('seq', 'not in', newest)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('builds').select('builds.id').whereRef('builds.artifactId', '=', 'artifacts.id'))),
    )
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('releases').select('releases.id').whereRef('releases.artifactId', '=', 'artifacts.id'))),
    )
    .execute();
}

function toArtifact(row: Unnumbered<ArtifactRow>): Artifact {
  return {
    ...unnumbered(row),
    processes: JSON.parse(row.processes) as readonly ProcessType[],
    exposedPorts: JSON.parse(row.exposedPorts) as readonly number[],
    createdAt: toDate(row.createdAt),
  };
}
