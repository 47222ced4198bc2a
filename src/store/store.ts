import { CamelCasePlugin, Kysely, sql } from 'kysely';
import { paths } from '../config/paths.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Store, StoreTables } from '../domain/store.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { type Logger, silentLogger } from '../system/logger.ts';
import { accountsTable } from './accounts.ts';
import { allowedNetworksTable } from './allowed-networks.ts';
import { appNetworksTable } from './app-networks.ts';
import { appsTable } from './apps.ts';
import { artifactsTable } from './artifacts.ts';
import { foreignness, refusalIn } from './belonging.ts';
import { type Beside, isEmptyFile, lookBeside } from './beside.ts';
import { buildsTable } from './builds.ts';
import { Changes } from './change-feed.ts';
import { configVarsTable } from './config-vars.ts';
import type { Database } from './database.ts';
import { domainsTable } from './domains.ts';
import { eventsTable } from './events.ts';
import { formationsTable } from './formations.ts';
import { hostGroupsTable, hostsTable } from './hosts.ts';
import { instancesTable } from './instances.ts';
import { listings } from './listings.ts';
import { migrateToLatest } from './migrations/migrate.ts';
import { namesTable } from './names.ts';
import { oneOffsTable } from './one-offs.ts';
import { pushesTable } from './pushes.ts';
import { releasesTable } from './releases.ts';
import { createRootKey, type RootKey, readRootKey, rootKeyPath } from './root-key.ts';
import type { Schema } from './schema.ts';
import { type Scope, StoreScope } from './scope.ts';
import { Seals } from './seal.ts';
import { settingsTable } from './settings.ts';
import { sqliteDatabase } from './sqlite.ts';
import { tokensTable } from './tokens.ts';
import { trafficTable } from './traffic.ts';

export interface StoreOptions {
  /** The folder of root.key, which is made when it is missing and nothing is sealed yet. */
  readonly keysDir: string;
  readonly clock?: Clock;
  /** Given for a platform's own store: one that does not belong there is refused, and nothing is written to it. */
  readonly beside?: Beside;
  /**
   * Called before each transaction, and after one that the disk did not take (`hasFailed`), to make room on the disk of
   * the store. Must not throw.
   */
  readonly makeRoom?: (hasFailed: boolean) => void;
  /** Reports listeners of the change feed that throw. */
  readonly logger?: Logger;
}

export type HomeStoreOptions = Pick<StoreOptions, 'clock' | 'logger' | 'makeRoom'>;

/** Opens the store in the SQLite file at the path; made (0600) when it is missing. Throws as `openStoreIn`. */
export async function openStore({ path, ...options }: StoreOptions & { readonly path: string }): Promise<Store> {
  const { beside } = options;
  const refusal = beside && isEmptyFile(path) ? foreignness(path, null, beside) : null;
  if (refusal) throw refusal;
  return await openStoreIn(sqliteDatabase(path), options);
}

/** Opens the store of a platform in its home. Throws `conflict` for a store that does not belong there, and as `openStoreIn`. */
export async function openHomeStore(home: string, options: HomeStoreOptions = {}): Promise<Store> {
  const { state, keys } = paths(home);
  return await openStore({ ...options, path: state, keysDir: keys, beside: lookBeside(home) });
}

/**
 * Opens the store in a database and brings its schema up to date. Throws `conflict` when a newer version of the platform
 * wrote it or it does not belong to what lies beside it, and `internal`, naming the key's id, when it holds secrets sealed with a root key that is not there.
 */
export async function openStoreIn(database: Database, options: StoreOptions): Promise<Store> {
  const { keysDir, clock = systemClock, logger = silentLogger, makeRoom = () => undefined } = options;
  const bare = new Kysely<Schema>({ dialect: database.dialect });
  const db = bare.withPlugin(new CamelCasePlugin());
  try {
    await migrate(bare as unknown as Kysely<unknown>, database, options.beside);
    const seals = new Seals(await rootKeyFor(db, database.name, keysDir));
    const changes = new Changes(logger);
    const scope = new StoreScope({ db, database, seals, clock, changes, makeRoom });
    return {
      ...tables(scope),
      changes,
      listings: listings(scope),
      transaction: (work) => scope.transaction((inner) => work(tables(inner))),
      close: () => db.destroy(),
    };
  } catch (error) {
    await db.destroy();
    throw database.toPlatformError(error);
  }
}

function tables(scope: Scope): StoreTables {
  return {
    accounts: accountsTable(scope),
    tokens: tokensTable(scope),
    apps: appsTable(scope),
    configVars: configVarsTable(scope),
    pushes: pushesTable(scope),
    builds: buildsTable(scope),
    artifacts: artifactsTable(scope),
    releases: releasesTable(scope),
    traffic: trafficTable(scope),
    formations: formationsTable(scope),
    instances: instancesTable(scope),
    oneOffs: oneOffsTable(scope),
    hostGroups: hostGroupsTable(scope),
    hosts: hostsTable(scope),
    appNetworks: appNetworksTable(scope),
    allowedNetworks: allowedNetworksTable(scope),
    domains: domainsTable(scope),
    names: namesTable(scope),
    events: eventsTable(scope),
    settings: settingsTable(scope),
  };
}

async function migrate(bare: Kysely<unknown>, database: Database, beside: Beside | undefined): Promise<void> {
  await bare.connection().execute(async (connection) => {
    await database.check(connection);
    try {
      await database.begin(connection);
      const refusal = beside ? await refusalIn(connection, { name: database.name, beside }) : null;
      if (refusal) throw refusal;
      await migrateToLatest(connection, database);
      await sql`commit`.execute(connection);
    } catch (error) {
      await sql`rollback`.execute(connection).catch(() => undefined);
      throw error;
    }
  });
}

async function rootKeyFor(db: Kysely<Schema>, name: string, keysDir: string): Promise<RootKey> {
  const sealedWith = await db.selectFrom('dataKeys').select('rootKeyId').distinct().execute();
  const key = sealedWith.length === 0 ? createRootKey(keysDir) : readRootKey(keysDir);
  const missing = sealedWith.find(({ rootKeyId }) => rootKeyId !== key?.id);
  if (key && !missing) return key;
  const there = key ? `holds the key ${key.id}` : 'is missing';
  throw new PlatformError(
    'internal',
    `${name} is sealed with the root key ${missing?.rootKeyId}, and ${rootKeyPath(keysDir)} ${there}.`,
    {
      hint: `Put back the root key ${missing?.rootKeyId} from your backup of ${keysDir}, then start again. The platform's own nightly copy: paas platform:restore`,
    },
  );
}
