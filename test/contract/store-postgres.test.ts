import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { PGlite, types } from '@electric-sql/pglite';
import { paths } from '../../src/config/paths.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import type { Store } from '../../src/domain/store.ts';
import { lookBeside } from '../../src/store/beside.ts';
import { postgresDatabase } from '../../src/store/postgres.ts';
import { rootKeyPath } from '../../src/store/root-key.ts';
import { openStoreIn } from '../../src/store/store.ts';
import { pglitePool } from '../support/pglite-pool.ts';
import { storeContract } from './store.contract.ts';

const pglite = await PGlite.create({ parsers: { [types.INT8]: Number } });
const keys = mkdtempSync(join(tmpdir(), 'paas-store-'));
after(async () => {
  await pglite.close();
  rmSync(keys, { recursive: true });
});

const database = () => postgresDatabase({ name: 'PGlite', pool: pglitePool(pglite) });

async function open(): Promise<Store> {
  await pglite.exec('drop schema public cascade; create schema public');
  return openStoreIn(database(), { keysDir: mkdtempSync(join(keys, 'keys-')) });
}

storeContract('PostgreSQL', open);

describe('on PostgreSQL', () => {
  test('other processes cannot write until a transaction ends', async () => {
    const store = await open();
    const locks = async () => (await pglite.query("select * from pg_locks where locktype = 'advisory'")).rows.length;
    await store.transaction(async ({ settings }) => {
      await settings.get('anything');
      assert.equal(await locks(), 1);
    });
    assert.equal(await locks(), 0);
    await store.close();
  });

  test('a database that sorts text by a language is refused, with the command that creates a suitable one', async () => {
    const query: PGlite['query'] = (text, values) =>
      pglite.query(text.replace("'B' < 'a'", `'B' < 'a' collate "und-x-icu"`), values);
    const strange = postgresDatabase({ name: 'db.example.com/paas', pool: pglitePool({ query }) });
    const store = openStoreIn(strange, { keysDir: keys });
    await assert.rejects(store, {
      code: 'conflict',
      message: /^db\.example\.com\/paas/,
      hint: /createdb .*--locale=C/,
    });
  });

  test('an empty database beside a used home is refused, and stays empty', async () => {
    await pglite.exec('drop schema public cascade; create schema public');
    const home = mkdtempSync(join(keys, 'home-'));
    mkdirSync(paths(home).keys);
    writeFileSync(rootKeyPath(paths(home).keys), 'of an earlier store');
    await assert.rejects(openStoreIn(database(), { keysDir: paths(home).keys, beside: lookBeside(home) }), {
      code: 'conflict',
      message: /^PGlite is empty, and .* it holds a root key\.$/,
    });
    const { rows } = await pglite.query("select 1 from information_schema.tables where table_schema = 'public'");
    assert.equal(rows.length, 0);
  });

  test("the server's errors become errors of the platform", () => {
    const told = (code: string) => database().toPlatformError(Object.assign(new Error('theirs'), { code }));
    const codes = ['23505', '23503', '55P03', '53100', '53300', '57P01', '08006', 'ECONNREFUSED', '42P01'];
    assert.deepEqual(
      codes.map((code) => (told(code) as PlatformError).code),
      [
        'conflict',
        'conflict',
        'busy',
        'unavailable',
        'unavailable',
        'unavailable',
        'unavailable',
        'unavailable',
        'internal',
      ],
    );
    const ours = new PlatformError('not_found', 'Ours.');
    assert.equal(database().toPlatformError(ours), ours);
  });
});
