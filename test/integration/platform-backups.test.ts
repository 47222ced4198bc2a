import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { paths, readSettings } from '../../src/config/settings.ts';
import type { Engine } from '../../src/domain/engine.ts';
import { hashToken, mintToken } from '../../src/domain/token.ts';
import { backUpNow, describeBackups } from '../../src/launcher/backup-commands.ts';
import { restorePlatform } from '../../src/launcher/restore.ts';
import { backupCheck, createNightlyBackup } from '../../src/orchestrator/nightly-backup.ts';
import { checkBackup, makeBackup } from '../../src/store/backup-file.ts';
import { backUp, isBackupDue, lastNight, listBackups } from '../../src/store/backups.ts';
import { leaseTerms } from '../../src/store/lease-terms.ts';
import { createMarkKeeper } from '../../src/store/mark.ts';
import { platformId } from '../../src/store/platform-id.ts';
import { openHomeStore } from '../../src/store/store.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { storeFixture } from '../support/store-fixture.ts';

const root = mkdtempSync(join(tmpdir(), 'paas-backups-'));
after(() => rmSync(root, { recursive: true, force: true }));

const said: string[] = [];
const say = (text: string) => void said.push(text);
const announcer = { step: say, detail: say, print: say };
const engine = { images: { inspect: async () => null } } as unknown as Engine;
const days = (number: number) => new Date(Date.UTC(2026, 10, number, 12));

/** A platform's home with an app, a sealed config var and a token. Its store is closed. */
async function platformHome() {
  const home = mkdtempSync(join(root, 'home-'));
  const settings = readSettings({ PAAS_HOME: home });
  const store = await openHomeStore(home);
  await platformId(store);
  const { newApp, append, owner } = await storeFixture(store);
  const app = await newApp();
  await append(app.id, 'app.created');
  await store.configVars.change(app.id, { SECRET: 'only-by-the-key' });
  const minted = mintToken();
  await store.tokens.create({ accountId: owner.id, ...minted, description: '', scope: 'global', expiresAt: null });
  await leaseTerms(store)('leader');
  await createMarkKeeper(store, paths(home).mark)();
  await store.close();
  mkdirSync(join(paths(home).repos, `${app.id}.git`), { recursive: true });
  return { home, settings, app, token: minted.token, owner };
}

test('a backup is one whole file of a store in use, without its key, and the newest seven are kept', async () => {
  const { home, app } = await platformHome();
  const store = await openHomeStore(home);
  for (let day = 1; day <= 9; day += 1) {
    const [made] = await Promise.all([
      backUp(home, { now: days(day), kept: 7 }),
      store.configVars.change(app.id, { DAY: String(day) }),
    ]);
    assert.equal(made.apps, 1);
  }
  await store.close();
  assert.deepEqual(
    listBackups(home).map(({ at }) => at.getUTCDate()),
    [9, 8, 7, 6, 5, 4, 3],
  );
  const { backups, keys } = paths(home);
  assert.equal(readdirSync(backups).length, 8, 'seven files and the folder of the key');
  const key = readFileSync(join(keys, 'root.key'), 'utf8');
  for (const { path } of listBackups(home)) {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const content = readFileSync(path);
    assert.ok(!content.includes(key.trim()) && !content.includes('only-by-the-key'));
  }
  const [copy = ''] = readdirSync(join(backups, 'keys'));
  assert.equal(readFileSync(join(backups, 'keys', copy), 'utf8'), key);
});

test('a backup that fails leaves the good ones, an event, and a warning of doctor', async () => {
  const { home, settings } = await platformHome();
  const store = await openHomeStore(home);
  await backUp(home, { now: days(1), kept: 1 });
  let now = days(4);
  const nightly = createNightlyBackup({ store, settings, clock: { now: () => now }, logger: silentLogger });
  const { backups } = paths(home);
  rmSync(join(backups, 'keys'), { recursive: true });
  writeFileSync(join(backups, 'keys'), 'in the way');
  for (let attempt = 0; attempt < 3; attempt += 1) await assert.rejects(nightly());
  const failures = (await store.events.list({ limit: 10 })).filter(({ kind }) => kind === 'platform.backup_failed');
  assert.equal(failures.length, 1);
  assert.deepEqual(
    listBackups(home).map(({ at }) => at),
    [days(1)],
  );
  const late = backupCheck(settings, { startedAt: days(1), now });
  assert.deepEqual([late.state, late.message], ['warning', 'the last good backup of the store is 3 days old']);
  rmSync(join(backups, 'keys'));
  await nightly();
  assert.equal(backupCheck(settings, { startedAt: days(1), now }).state, 'ok');
  now = new Date(now.getTime() + 60_000);
  await nightly();
  assert.equal(listBackups(home).length, 2, 'one a night');
  await store.close();
});

test('a backup is due when there is none of the last night', () => {
  const noon = new Date(2026, 10, 29, 12);
  assert.deepEqual(lastNight(noon), new Date(2026, 10, 29, 3));
  assert.deepEqual(lastNight(new Date(2026, 10, 29, 2, 59)), new Date(2026, 10, 28, 3));
  assert.equal(isBackupDue(mkdtempSync(join(root, 'none-')), noon), true);
});

test('a file that is no whole backup is refused before anything is touched', async () => {
  const { home, settings } = await platformHome();
  const good = join(root, 'good.db');
  await makeBackup(paths(home).state, good);
  const bad = join(root, 'bad.db');
  const spoilt: readonly (() => void)[] = [
    () => writeFileSync(bad, ''),
    () => writeFileSync(bad, 'x'.repeat(50_000)),
    () => {
      copyFileSync(good, bad);
      truncateSync(bad, statSync(good).size - 4096);
    },
  ];
  for (const spoil of spoilt) {
    spoil();
    assert.throws(() => checkBackup(bad), { code: 'invalid_params', message: /is no whole backup/ });
    const order = { file: bad, key: undefined, confirm: settings.domain };
    await assert.rejects(restorePlatform(order, { settings, engine, announcer }), { code: 'invalid_params' });
  }
  const unconfirmed = { file: good, key: undefined, confirm: undefined };
  await assert.rejects(restorePlatform(unconfirmed, { settings, engine, announcer }), {
    code: 'confirmation_required',
    message: /1 apps as of/,
    hint: /--confirm localhost/,
  });
  await assert.rejects(
    restorePlatform({ ...unconfirmed, file: join(root, 'nothing') }, { settings, engine, announcer }),
    {
      code: 'not_found',
    },
  );
  assert.deepEqual(
    readdirSync(home).filter((name) => name.startsWith('before-')),
    [],
  );
});

test('a restored store has its apps, opens its config vars and knows its tokens, whatever was lost', async () => {
  const losses: readonly ((home: string) => void)[] = [
    () => undefined,
    (home) => truncateSync(paths(home).state, 0),
    (home) => rmSync(paths(home).state),
    (home) => writeFileSync(paths(home).state, 'garbage'.repeat(9999)),
    (home) => rmSync(paths(home).keys, { recursive: true }),
    (home) => {
      rmSync(paths(home).state);
      rmSync(paths(home).keys, { recursive: true });
      rmSync(paths(home).mark);
    },
  ];
  for (const lose of losses) {
    const { home, settings, app, token, owner } = await platformHome();
    await backUpNow(settings, undefined, announcer);
    const later = await openHomeStore(home);
    const made = await later.apps.create({ name: 'made-later', ownerId: owner.id });
    await leaseTerms(later)('leader');
    await createMarkKeeper(later, paths(home).mark)();
    await later.close();
    mkdirSync(join(paths(home).repos, `${made.id}.git`));
    lose(home);
    said.length = 0;
    const order = { file: undefined, key: undefined, confirm: settings.domain };
    const { set_aside: aside } = await restorePlatform(order, { settings, engine, announcer });
    assert.ok(existsSync(join(String(aside), `${made.id}.git`)), 'the repository of an app that is gone is kept');
    const store = await openHomeStore(home);
    assert.deepEqual(
      (await store.apps.list()).map(({ id }) => id),
      [app.id],
    );
    assert.deepEqual(await store.configVars.get(app.id), { SECRET: 'only-by-the-key' });
    assert.ok(await store.tokens.findBySha256(hashToken(token)));
    assert.equal((await store.events.list({ limit: 1 }))[0]?.kind, 'platform.restored');
    assert.ok((await leaseTerms(store)('leader')) > 2, 'later than any start before');
    await store.close();
  }
});

test('a backup elsewhere has its key beside it, and without the key it is refused by its id', async () => {
  const { home, settings, app } = await platformHome();
  const file = join(root, 'elsewhere.db');
  await backUpNow(settings, file, announcer);
  assert.equal(statSync(`${file}.key`).mode & 0o777, 0o600);
  rmSync(paths(home).keys, { recursive: true });
  const kept = join(root, 'kept.key');
  copyFileSync(`${file}.key`, kept);
  rmSync(`${file}.key`);
  const order = { file, key: undefined, confirm: settings.domain };
  const deps = { settings, engine, announcer };
  await assert.rejects(restorePlatform(order, deps), {
    code: 'not_found',
    message: /root key [0-9a-f]{12}, which is not in/,
  });
  await restorePlatform({ ...order, key: kept }, deps);
  const store = await openHomeStore(home);
  assert.deepEqual(await store.configVars.get(app.id), { SECRET: 'only-by-the-key' });
  await store.close();
  assert.deepEqual(describeBackups(settings, announcer), { backups: [] });
});
