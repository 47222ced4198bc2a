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

test('no file of the store contains a value of a config var or of a one-off’s environment', async () => {
  const home = join(root, 'canaries');
  const store = await openIn(home);
  const { newApp, newInstance, owner } = await storeFixture(store);
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
  const { id: instanceId } = await newInstance(app, release, 4711, 'run');
  const asked = { instanceId, appId: app.id, attach: false, tty: false, columns: null, rows: null, lifeMs: 1 } as const;
  await store.oneOffs.create({ ...asked, env: config });
  assert.deepEqual((await store.oneOffs.find(instanceId))?.env, config);
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

test('a store without its root key does not open, and the error names the key', async () => {
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

test('a damaged root key is refused', async () => {
  const home = await storeWith('damaged-key', { A: '1' });
  const path = join(home, 'keys', 'root.key');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(/[A-Za-z0-9+/]{4}(?==*\n$)/, 'AAAA'));
  await assert.rejects(openIn(home), { code: 'internal', message: /damaged/ });
});

test('creating the root key again keeps the existing one', () => {
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

test('a one-off’s environment moved to another one-off does not open', async () => {
  const home = join(root, 'moved-one-off');
  const before = await openIn(home);
  const { newApp, newRelease, newInstance } = await storeFixture(before);
  const app = await newApp();
  const release = await newRelease(app);
  const asked = { appId: app.id, attach: false, tty: false, columns: null, rows: null, lifeMs: 1 } as const;
  for (const slot of [1, 2]) {
    const { id: instanceId } = await newInstance(app, release, slot, 'run');
    await before.oneOffs.create({ ...asked, instanceId, env: { SECRET: `hush ${slot}` } });
  }
  const [two, one] = await before.instances.list(app.id);
  await before.close();
  const database = new DatabaseSync(join(home, 'state.db'));
  const move = 'update one_offs set sealed_env = (select sealed_env from one_offs where instance_id = ?)';
  database.prepare(`${move} where instance_id = ?`).run(one?.id ?? '', two?.id ?? '');
  database.close();
  const store = await openIn(home);
  assert.deepEqual((await store.oneOffs.find(one?.id ?? ''))?.env, { SECRET: 'hush 1' });
  await assert.rejects(store.oneOffs.find(two?.id ?? ''), {
    code: 'internal',
    message: /one_offs .* cannot be opened/,
  });
  await store.close();
});

test('a sealed value moved to another app does not open', async () => {
  const home = await storeWith('moved-app', { A: '1' });
  const before = await openIn(home);
  const [owner] = await before.accounts.list();
  const other = await before.apps.create({ name: 'other', ownerId: owner?.id ?? '' });
  await before.close();
  const database = new DatabaseSync(join(home, 'state.db'));
  database.prepare('update config_vars set app_id = ?').run(other.id);
  database.close();
  const store = await openIn(home);
  await assert.rejects(store.configVars.get(other.id), { code: 'internal', message: /cannot be opened/ });
  await store.close();
});

test('plaintext in the column of a sealed value is refused', async () => {
  const home = await storeWith('plaintext', { A: '1' });
  const database = new DatabaseSync(join(home, 'state.db'));
  database.exec("update config_vars set sealed = 'plain'");
  database.close();
  const store = await openIn(home);
  const app = await store.apps.get('hello');
  await assert.rejects(store.configVars.get(app.id), { code: 'internal', message: /cannot be opened/ });
  await store.close();
});
