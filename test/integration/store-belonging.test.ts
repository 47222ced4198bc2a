import assert from 'node:assert/strict';
import {
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { paths, readSettings } from '../../src/config/settings.ts';
import type { Engine } from '../../src/domain/engine.ts';
import { setAsideLostPlatform } from '../../src/launcher/new-platform.ts';
import { leaseTerms } from '../../src/store/lease-terms.ts';
import { createMarkKeeper } from '../../src/store/mark.ts';
import { platformId } from '../../src/store/platform-id.ts';
import { openHomeStore } from '../../src/store/store.ts';
import { storeFixture } from '../support/store-fixture.ts';

const root = mkdtempSync(join(tmpdir(), 'paas-belonging-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** A home that a platform has used: a store, its key and mark, a repository. Its store is closed. */
async function usedHome() {
  const home = mkdtempSync(join(root, 'home-'));
  const store = await openHomeStore(home);
  const id = await platformId(store);
  const { newApp, append } = await storeFixture(store);
  const app = await newApp();
  await leaseTerms(store)('leader');
  await append(app.id, 'app.created');
  await createMarkKeeper(store, paths(home).mark)();
  mkdirSync(join(paths(home).repos, `${app.id}.git`), { recursive: true });
  await store.close();
  return { home, id, app };
}

function writePage(path: string, page: number, letter: string): void {
  const file = openSync(path, 'r+');
  writeSync(file, letter.repeat(4096), page * 4096);
  closeSync(file);
}

const refuses = (home: string, message: RegExp) =>
  assert.rejects(openHomeStore(home), { code: 'conflict', message, hint: /paas platform:restore.*--new-platform/ });

test('a lost store is refused by what lies beside it, however it was lost, and stays as it is', async () => {
  const used = await usedHome();
  const losses: readonly (readonly [loss: string, (state: string) => void, RegExp])[] = [
    [
      'missing',
      (state) => rmSync(state),
      /state\.db is empty, and .* belongs to a platform: it holds .*a root key and 1 repository/,
    ],
    ['zero bytes', (state) => truncateSync(state, 0), /is empty/],
    ['without its tables', (state) => rmSync(state), /is empty/],
  ];
  for (const [loss, lose, message] of losses) {
    const home = join(root, loss);
    cpSync(used.home, home, { recursive: true });
    lose(paths(home).state);
    const before = existsSync(paths(home).state) ? readFileSync(paths(home).state) : null;
    await refuses(home, message);
    await refuses(home, message);
    assert.deepEqual(existsSync(paths(home).state) ? readFileSync(paths(home).state) : null, before, loss);
  }
});

test('each thing that lies beside an empty store is enough', async () => {
  const { home, id } = await usedHome();
  for (const kept of ['keys', 'repos', 'store.mark'] as const) {
    const other = mkdtempSync(join(root, 'part-'));
    cpSync(join(home, kept), join(other, kept), { recursive: true });
    await refuses(other, kept === 'store.mark' ? new RegExp(`the mark of the platform ${id}`) : /it holds/);
  }
  const routes = mkdtempSync(join(root, 'routes-'));
  mkdirSync(paths(routes).run);
  writeFileSync(paths(routes).routeSnapshot, `{"version":${2 ** 40},"reserved":[],"routes":[]}\n`);
  await refuses(routes, /it holds saved routes/);
  const unused = mkdtempSync(join(root, 'unused-'));
  await (await openHomeStore(unused)).close();
});

test('a store that is damaged is refused with the command that restores it', async () => {
  const used = await usedHome();
  for (const [damage, spoil] of [
    ['garbage', (state: string) => writeFileSync(state, 'x'.repeat(100_000))],
    ['cut', (state: string) => truncateSync(state, 8192 + 100)],
    ['one page', (state: string) => writePage(state, 9, 'y')],
  ] as const) {
    const home = join(root, damage);
    cpSync(used.home, home, { recursive: true });
    spoil(paths(home).state);
    await assert.rejects(openHomeStore(home), { code: 'internal', message: /damaged/, hint: /paas platform:restore/ });
  }
});

test('a store that cannot be opened is refused in words', async () => {
  const { home } = await usedHome();
  rmSync(paths(home).state);
  mkdirSync(join(paths(home).state, 'folder'), { recursive: true });
  await assert.rejects(openHomeStore(home), { code: 'unavailable', message: /state\.db cannot be opened: EISDIR/ });
});

test('an older copy, and the store of another platform, are refused with the numbers', async () => {
  const { home, app, id } = await usedHome();
  const { state, mark } = paths(home);
  const old = join(root, 'old.db');
  copyFileSync(state, old);
  const store = await openHomeStore(home);
  const { append } = await storeFixture({
    ...store,
    accounts: { ...store.accounts, create: async () => (await store.accounts.list())[0] ?? assert.fail() },
  });
  await append(app.id, 'release.created');
  await createMarkKeeper(store, mark)();
  await store.close();
  copyFileSync(old, state);
  await refuses(home, /is older than what lies beside it: it ends at event 1, and event 2 was written/);

  const other = await usedHome();
  copyFileSync(paths(other.home).state, state);
  await refuses(home, new RegExp(`belongs to the platform ${other.id}, and .* belongs to the platform ${id}`));

  rmSync(mark);
  await refuses(home, /knows nothing of a repository of the app/);

  mkdirSync(paths(other.home).run, { recursive: true });
  writeFileSync(paths(other.home).routeSnapshot, `{"version":${2 ** 45},"reserved":[],"routes":[]}\n`);
  await refuses(other.home, /it ends at start 1 of the platform, and there was a start \d+/);
});

test('a repository that a destroyed app left behind is no reason to refuse', async () => {
  const { home, app } = await usedHome();
  const store = await openHomeStore(home);
  await store.apps.remove(app.id);
  await store.close();
  await (await openHomeStore(home)).close();
});

test('--new-platform sets everything aside when the store is lost, and refuses when it is not', async () => {
  const { home, id } = await usedHome();
  const settings = readSettings({ PAAS_HOME: home });
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const announcer = { step: say, detail: say, print: say };
  const engine = { containers: { list: async () => [{ id: 'c1' }] } } as unknown as Engine;
  const options = { announcer, now: new Date('2026-11-29T12:00:00Z') };
  await assert.rejects(setAsideLostPlatform(engine, settings, options), { code: 'conflict', message: /has its store/ });
  truncateSync(paths(home).state, 0);
  await setAsideLostPlatform(engine, settings, options);
  const aside = join(home, 'set-aside-2026-11-29T120000');
  assert.deepEqual(readdirSync(aside).sort(), ['keys', 'repos', 'state.db', 'store.mark']);
  assert.match(said.join('\n'), new RegExp(`its 1 containers stay.*label=paas.platform=${id}`));
  const store = await openHomeStore(home);
  assert.notEqual(await platformId(store), id);
  await store.close();
});
