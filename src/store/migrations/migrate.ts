import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { PlatformError } from '../../domain/errors.ts';
import type { ColumnWords, Database } from '../database.ts';
import { up as firstPath } from './0001-first-path.ts';

/** Forward only, by name. One that was released is never changed again. */
const migrations: Readonly<Record<string, (db: Kysely<unknown>, words: ColumnWords) => Promise<void>>> = {
  '0001-first-path': firstPath,
};

/**
 * Brings the schema to this version's. Throws `conflict` when a newer version of the platform wrote the store. The
 * caller holds the one connection and a transaction, so a migration that fails half-way leaves nothing.
 */
export async function migrateToLatest(
  db: Kysely<unknown>,
  { name, words }: Pick<Database, 'name' | 'words'>,
): Promise<void> {
  const unknown = await firstUnknown(db);
  if (unknown) {
    throw new PlatformError('conflict', `${name} was written by a newer version of the platform (it has ${unknown}).`, {
      hint: 'Start the newer version again, or put back the backup made before the upgrade.',
    });
  }
  const bound = Object.entries(migrations).map(([key, up]) => [key, { up: (on: Kysely<unknown>) => up(on, words) }]);
  const provider = { getMigrations: async () => Object.fromEntries(bound) };
  const migrator = new Migrator({ db, provider, disableTransactions: true });
  const { error } = await migrator.migrateToLatest();
  if (error) throw error;
}

async function firstUnknown(db: Kysely<unknown>): Promise<string | null> {
  const done = db as Kysely<{ readonly kysely_migration: { readonly name: string } }>;
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === 'kysely_migration')) return null;
  const names = await done.selectFrom('kysely_migration').select('name').orderBy('name').execute();
  return names.find(({ name }) => !(name in migrations))?.name ?? null;
}
