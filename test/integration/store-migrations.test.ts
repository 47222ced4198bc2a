import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { openStore } from '../../src/store/store.ts';
import { storeFixture } from '../support/store-fixture.ts';

const root = mkdtempSync(join(tmpdir(), 'paas-store-'));
after(() => rmSync(root, { recursive: true }));

const openIn = (home: string) => openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });

function inDatabase<T>(home: string, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(home, 'state.db'));
  try {
    return work(database);
  } finally {
    database.close();
  }
}

test('a store is created in an empty folder, and opens again with its content', async () => {
  const home = join(root, 'empty');
  const store = await openIn(home);
  const app = await (await storeFixture(store)).newApp();
  await store.configVars.change(app.id, { A: '1' });
  await store.close();
  const again = await openIn(home);
  assert.deepEqual(await again.apps.list(), [app]);
  assert.deepEqual(await again.configVars.get(app.id), { A: '1' });
  await again.close();
});

test('every table checks the types of its columns', async () => {
  const home = join(root, 'strict');
  await (await openIn(home)).close();
  const tables = inDatabase(home, (database) =>
    database.prepare("select name, strict from pragma_table_list where schema = 'main' and type = 'table'").all(),
  );
  const loose = tables.filter(({ name, strict }) => strict === 0 && !/^(sqlite|kysely)_/.test(String(name)));
  assert.ok(tables.length > 15);
  assert.deepEqual(loose, []);
});

test('a store of a newer version of the platform is refused and not changed', async () => {
  const home = join(root, 'newer');
  await (await openIn(home)).close();
  inDatabase(home, (database) =>
    database.exec("insert into kysely_migration values ('9999-from-the-future', '2031-01-01T00:00:00Z')"),
  );
  await assert.rejects(openIn(home), { code: 'conflict', message: /newer version .*9999-from-the-future/ });
});

test('a file that is not a store is not changed', async () => {
  const home = join(root, 'strange');
  await (await openIn(home)).close();
  inDatabase(home, (database) => database.exec('drop table kysely_migration; drop table config_vars'));
  await assert.rejects(openIn(home), { code: 'internal' });
  const left = inDatabase(home, (database) =>
    database.prepare("select name from sqlite_schema where name in ('config_vars', 'kysely_migration')").all(),
  );
  assert.deepEqual(left, [], 'a migration that fails half-way leaves nothing');
});
