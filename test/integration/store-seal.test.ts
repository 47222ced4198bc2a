import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { createRootKey } from '../../src/store/root-key.ts';
import { openStore } from '../../src/store/store.ts';
import { storeFixture } from '../support/store-fixture.ts';

const root = mkdtempSync(join(tmpdir(), 'paas-store-'));
after(() => rmSync(root, { recursive: true }));

const openIn = (home: string) => openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });

/** A store with an app `hello` that has `vars`, closed again. */
async function storeWith(name: string, vars: Readonly<Record<string, string>>): Promise<string> {
  const home = join(root, name);
  const store = await openIn(home);
  const { owner } = await storeFixture(store);
  const app = await store.apps.create({ name: 'hello', ownerId: owner.id });
  await store.configVars.change(app.id, vars);
  await store.close();
  return home;
}

test('no value of a config var is found in any file of the store', async () => {
  const home = join(root, 'canaries');
  const store = await openIn(home);
  const { newApp, owner } = await storeFixture(store);
  const canaries = Array.from({ length: 20 }, () => `canary-${randomBytes(12).toString('hex')}`);
  const app = await newApp();
  const config = Object.fromEntries(canaries.map((canary, index) => [`VAR_${index}`, canary]));
  await store.configVars.change(app.id, config);
  await store.configVars.change(app.id, { VAR_0: `${canaries[0]}-changed`, VAR_1: null });
  const release = await store.releases.create({
    appId: app.id,
    artifactId: null,
    cause: 'config',
    description: 'Set config vars',
    accountId: owner.id,
    config,
  });
  assert.deepEqual((await store.releases.find(release.id))?.config, config);
  const hits = () =>
    readdirSync(home, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .flatMap(({ name }) => {
        const bytes = readFileSync(join(home, name));
        const forms = canaries.flatMap((canary) => [canary, Buffer.from(canary).toString('base64').slice(0, -4)]);
        return forms.filter((form) => bytes.includes(form)).map((form) => `${name}: ${form}`);
      });
  assert.ok(statSync(join(home, 'state.db-wal')).size > 0, 'the write-ahead log is among the files');
  assert.deepEqual(hits(), []);
  await store.close();
  assert.deepEqual(hits(), []);
});

test('a store without its root key does not open, and names the key it wants', async () => {
  const home = await storeWith('no-key', { A: '1' });
  const { id } = createRootKey(join(home, 'keys'));
  const kept = join(home, 'kept.key');
  renameSync(join(home, 'keys', 'root.key'), kept);
  await assert.rejects(openIn(home), { code: 'internal', message: new RegExp(`root key ${id}.*is missing`) });
  const other = createRootKey(join(home, 'keys'));
  await assert.rejects(openIn(home), {
    code: 'internal',
    message: new RegExp(`root key ${id}.*holds the key ${other.id}`),
  });
  renameSync(kept, join(home, 'keys', 'root.key'));
  await (await openIn(home)).close();
});

test('a damaged root key is not taken for a key', async () => {
  const home = await storeWith('damaged-key', { A: '1' });
  const path = join(home, 'keys', 'root.key');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(/[A-Za-z0-9+/]{4}(?==*\n$)/, 'AAAA'));
  await assert.rejects(openIn(home), { code: 'internal', message: /damaged/ });
});

test('making the root key again keeps the one that is there', () => {
  const keysDir = join(root, 'twice', 'keys');
  assert.deepEqual(createRootKey(keysDir), createRootKey(keysDir));
  assert.deepEqual(readdirSync(keysDir), ['root.key']);
  assert.equal(statSync(keysDir).mode & 0o777, 0o700);
});

test('a sealed value moved to another variable does not open', async () => {
  const home = await storeWith('moved', { PUBLIC: 'hello', SECRET: 'hush' });
  const database = new DatabaseSync(join(home, 'state.db'));
  database.exec(
    "update config_vars set sealed = (select sealed from config_vars where name = 'SECRET') where name = 'PUBLIC'",
  );
  database.close();
  const store = await openIn(home);
  const app = await store.apps.get('hello');
  await assert.rejects(store.configVars.get(app.id), (error: Error) => {
    assert.match(error.message, /config_vars PUBLIC .* cannot be opened/);
    assert.ok(!error.message.includes('hush'));
    return true;
  });
  await store.close();
});

test('a sealed value moved to another app does not open', async () => {
  const home = await storeWith('moved-app', { A: '1' });
  const before = await openIn(home);
  const owner = await before.accounts.findByEmail('owner@example.com');
  const other = await before.apps.create({ name: 'other', ownerId: owner?.id ?? '' });
  await before.close();
  const database = new DatabaseSync(join(home, 'state.db'));
  database.prepare('update config_vars set app_id = ?').run(other.id);
  database.close();
  const store = await openIn(home);
  await assert.rejects(store.configVars.get(other.id), { code: 'internal', message: /cannot be opened/ });
  await store.close();
});

test('plaintext put in the place of a sealed value is no value', async () => {
  const home = await storeWith('plaintext', { A: '1' });
  const database = new DatabaseSync(join(home, 'state.db'));
  database.exec("update config_vars set sealed = 'plain'");
  database.close();
  const store = await openIn(home);
  const app = await store.apps.get('hello');
  await assert.rejects(store.configVars.get(app.id), { code: 'internal', message: /cannot be opened/ });
  await store.close();
});
