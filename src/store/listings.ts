import { sql } from 'kysely';
import type { ProcessType } from '../domain/build.ts';
import { instanceStates, isFinal } from '../domain/instance.ts';
import type { ListedApp, ListedBuild, ListedInstance, ListedRelease, Listings } from '../domain/listing.ts';
import type { Release } from '../domain/release.ts';
import type { Domain } from '../domain/route.ts';
import { toApp } from './apps.ts';
import { toBuild } from './builds.ts';
import { toDomain } from './domains.ts';
import { toInstance } from './instances.ts';
import { type PageColumn, pageRows } from './page.ts';
import { toRelease } from './releases.ts';
import { toDateOrNull } from './rows.ts';
import type { Scope, Tx } from './scope.ts';

const column = (name: string): PageColumn => ({ value: sql.ref(name) });

export function listings(scope: Scope): Listings {
  return {
    apps: (ownerId, page) => scope.read((tx) => apps(tx, ownerId, page)),
    builds: (appId, page) => scope.read((tx) => builds(tx, appId, page)),
    releases: (appId, page) => scope.read((tx) => releases(tx, appId, page)),
    newestOfArtifacts: (appId, limit) => scope.read((tx) => newestOfArtifacts(tx, appId, limit)),
    instances: (appId, page) => scope.read((tx) => instances(tx, appId, page)),
    domains: (appId, page) => scope.read((tx) => domains(tx, appId, page)),
  };
}

type PageOf<List extends keyof Listings> = Extract<Parameters<Listings[List]>[1], object>;

const appColumns = { id: column('apps.id'), name: column('apps.name'), updated_at: column('apps.updatedAt') };

async function apps({ db }: Tx, ownerId: string, page: PageOf<'apps'>): Promise<readonly ListedApp[]> {
  const query = db
    .selectFrom('apps')
    .leftJoin('accounts', 'accounts.id', 'apps.ownerId')
    .leftJoin('releases', (join) =>
      join.onRef('releases.appId', '=', 'apps.id').on('releases.version', '=', ({ selectFrom }) =>
        selectFrom('releases as newest')
          .select(({ fn }) => fn.max('newest.version').as('version'))
          .whereRef('newest.appId', '=', 'apps.id'),
      ),
    )
    .leftJoin('artifacts', 'artifacts.id', 'releases.artifactId')
    .selectAll('apps')
    .select([
      'accounts.email as ownerEmail',
      'releases.createdAt as releasedAt',
      'artifacts.sizeBytes as artifactBytes',
    ])
    .where('apps.ownerId', '=', ownerId);
  const rows = await pageRows(query, appColumns[page.property], page);
  return rows.map(({ ownerEmail, releasedAt, artifactBytes, ...row }) => {
    return { app: toApp(row), ownerEmail, releasedAt: toDateOrNull(releasedAt), artifactBytes };
  });
}

const buildColumns = { created_at: column('builds.createdAt'), id: column('builds.id') };

async function builds({ db }: Tx, appId: string, page: PageOf<'builds'>): Promise<readonly ListedBuild[]> {
  const query = db
    .selectFrom('builds')
    .innerJoin('apps', 'apps.id', 'builds.appId')
    .leftJoin('pushes', 'pushes.id', 'builds.pushId')
    .leftJoin('artifacts', 'artifacts.id', 'builds.artifactId')
    .leftJoin('accounts', (join) =>
      join.on('accounts.id', '=', ({ fn }) => fn.coalesce('pushes.accountId', 'apps.ownerId')),
    )
    .selectAll('builds')
    .select(['accounts.email', 'artifacts.builderName'])
    .select(({ fn, selectFrom }) => [
      fn.coalesce('pushes.accountId', 'apps.ownerId').as('accountId'),
      selectFrom('releases')
        .select('releases.id')
        .whereRef('releases.artifactId', '=', 'builds.artifactId')
        .where('releases.cause', '=', 'deploy')
        .whereRef('releases.createdAt', '>=', 'builds.createdAt')
        .orderBy('releases.version')
        .limit(1)
        .as('releaseId'),
    ])
    .where('builds.appId', '=', appId);
  const rows = await pageRows(query, buildColumns[page.property], page);
  return rows.map(({ email, builderName, accountId, releaseId, ...row }) => {
    return { build: toBuild(row), accountId, email, builderName, releaseId };
  });
}

const releaseColumns = { version: { ...column('releases.version'), isNumber: true }, id: column('releases.id') };

async function releases({ db }: Tx, appId: string, page: PageOf<'releases'>): Promise<readonly ListedRelease[]> {
  const query = db
    .selectFrom('releases')
    .leftJoin('accounts', 'accounts.id', 'releases.accountId')
    .selectAll('releases')
    .select('accounts.email')
    .where('releases.appId', '=', appId);
  const rows = await pageRows(query, releaseColumns[page.property], page);
  return rows.map(({ email, ...row }) => ({ release: toRelease(row), email }));
}

async function newestOfArtifacts({ db }: Tx, appId: string, limit: number): Promise<readonly Release[]> {
  const versions = db
    .selectFrom('releases')
    .select(({ fn }) => fn.max('version').as('version'))
    .where('appId', '=', appId)
    .where('status', '=', 'succeeded')
    .where('artifactId', 'is not', null)
    .groupBy('artifactId')
    .orderBy('version', 'desc')
    .limit(limit);
  const rows = await db
    .selectFrom('releases')
    .selectAll()
    .where('appId', '=', appId)
    .where('version', 'in', versions)
    .orderBy('version', 'desc')
    .execute();
  return rows.map(toRelease);
}

const instanceColumns: Readonly<Record<PageOf<'instances'>['property'], PageColumn>> = {
  name: { value: sql`${sql.ref('instances.type')} || '.' || ${sql.ref('instances.slot')}` },
  id: column('instances.id'),
  updated_at: {
    value: sql`coalesce(${sql.ref('instances.endedAt')}, ${sql.ref('instances.upAt')},
      ${sql.ref('instances.startedAt')}, ${sql.ref('instances.createdAt')})`,
  },
};
const activeStates = instanceStates.filter((state) => !isFinal(state));

async function instances({ db }: Tx, appId: string, page: PageOf<'instances'>): Promise<readonly ListedInstance[]> {
  const query = db
    .selectFrom('instances')
    .innerJoin('releases', 'releases.id', 'instances.releaseId')
    .leftJoin('artifacts', 'artifacts.id', 'releases.artifactId')
    .selectAll('instances')
    .select(['releases.version', 'artifacts.processes'])
    .where('instances.appId', '=', appId)
    .where('instances.state', 'in', activeStates);
  const rows = await pageRows(query, instanceColumns[page.property], page);
  return rows.map(({ version, processes, ...row }) => {
    return { instance: toInstance(row), version, processes: JSON.parse(processes ?? '[]') as readonly ProcessType[] };
  });
}

const domainColumns = {
  hostname: column('domains.hostname'),
  id: column('domains.id'),
  updated_at: column('domains.createdAt'),
};

async function domains({ db }: Tx, appId: string, page: PageOf<'domains'>): Promise<readonly Domain[]> {
  const query = db.selectFrom('domains').selectAll().where('appId', '=', appId);
  return (await pageRows(query, domainColumns[page.property], page)).map(toDomain);
}
