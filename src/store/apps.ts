import type { App } from '../domain/app.ts';
import { defaultFirstUid, uidsPerApp } from '../domain/app-user.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Apps } from '../domain/store.ts';
import { newId } from './ids.ts';
import { found, toDate, toText } from './rows.ts';
import type { AppRow } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

export function appsTable(scope: Scope): Apps {
  return {
    create: (app) => scope.write((tx) => insert(tx, app)),
    find: (id) => scope.read((tx) => findWhere(tx, 'id', id)),
    findByName: (name) => scope.read((tx) => findWhere(tx, 'name', name)),
    get: (nameOrId) => scope.read((tx) => get(tx, nameOrId)),
    list: () =>
      scope.read(async ({ db }) => {
        const rows = await db.selectFrom('apps').selectAll().orderBy('name').execute();
        return rows.map(toApp);
      }),
    setMaintenance: (id, on) => scope.write((tx) => update(tx, id, { maintenance: on ? 1 : 0 })),
    purgeCache: (id) =>
      scope.write(async (tx) => {
        const { cacheGeneration } = await get(tx, id);
        return await update(tx, id, { cacheGeneration: cacheGeneration + 1 });
      }),
    rename: (id, name) =>
      scope.write((tx) => update(tx, id, { name }).catch((error) => Promise.reject(nameTaken(tx, error, name)))),
    remove: (id) => scope.write((tx) => remove(tx, id)),
  };
}

async function insert(tx: Tx, app: Parameters<Apps['create']>[0]): Promise<App> {
  const now = tx.clock.now();
  const row: AppRow = {
    id: newId(),
    name: app.name,
    ownerId: app.ownerId,
    maintenance: 0,
    cacheGeneration: 0,
    uid: await nextUid(tx, app.firstUid ?? defaultFirstUid),
    createdAt: toText(now),
    updatedAt: toText(now),
  };
  try {
    await tx.db.insertInto('apps').values(row).execute();
  } catch (error) {
    throw nameTaken(tx, error, app.name);
  }
  await tx.seals.createDataKey(tx, row.id);
  tx.changed('apps', row.id, row.id);
  return toApp(row);
}

/** The counter outlives the apps, because files of a destroyed app may outlive it too. */
async function nextUid({ db }: Tx, firstUid: number): Promise<number> {
  const name = 'next_app_uid';
  const row = await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst();
  const uid = Math.max(firstUid, Number(row?.value ?? 0));
  const value = String(uid + uidsPerApp);
  await db
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
  return uid;
}

async function findWhere({ db }: Tx, column: 'id' | 'name', value: string): Promise<App | null> {
  const row = await db.selectFrom('apps').selectAll().where(column, '=', value).executeTakeFirst();
  return row ? toApp(row) : null;
}

/** An id has 36 characters and a name at most 30, so one cannot be taken for the other. */
async function get({ db }: Tx, nameOrId: string): Promise<App> {
  const row = await db
    .selectFrom('apps')
    .selectAll()
    .where((where) => where.or([where('name', '=', nameOrId), where('id', '=', nameOrId)]))
    .executeTakeFirst();
  if (row) return toApp(row);
  throw new PlatformError('not_found', `No app named ${nameOrId.slice(0, 64)}.`, { hint: 'See your apps: paas apps' });
}

async function update(tx: Tx, id: string, changes: Partial<AppRow>): Promise<void> {
  const row = await tx.db
    .updateTable('apps')
    .set({ ...changes, updatedAt: toText(tx.clock.now()) })
    .where('id', '=', id)
    .returning('id')
    .executeTakeFirst();
  found(row, `app ${id}`);
  tx.changed('apps', id, id);
}

async function remove(tx: Tx, id: string): Promise<void> {
  const keys = await tx.db.selectFrom('dataKeys').select('id').where('appId', '=', id).execute();
  await tx.db.deleteFrom('apps').where('id', '=', id).execute();
  tx.seals.forget(keys.map((key) => key.id));
  tx.changed('apps', id, id);
}

function nameTaken({ isUniqueViolation }: Tx, error: unknown, name: string): unknown {
  if (!isUniqueViolation(error)) return error;
  return new PlatformError('conflict', `The name ${name} is taken.`, {
    cause: error,
    hint: 'Choose another name, or none: paas create',
  });
}

export function toApp(row: AppRow): App {
  return {
    ...row,
    maintenance: row.maintenance === 1,
    createdAt: toDate(row.createdAt),
    updatedAt: toDate(row.updatedAt),
  };
}
