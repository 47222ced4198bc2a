import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Route, RouteChange } from '../../src/domain/route.ts';
import { LiveRoutes } from '../../src/resolver/live-routes.ts';
import { RouteJournal, readJournal } from '../../src/resolver/route-journal.ts';

function route(appId: string): Route {
  return { appId, appName: appId, rules: [{ hostname: `${appId}.localhost`, path: '/' }], state: 'blank', targets: [] };
}

/** Live routes, saved as the resolver saves them. */
async function start(minRewriteLength?: number) {
  const home = await mkdtemp(join(tmpdir(), 'paas-journal-'));
  const path = join(home, 'run', 'routes.json');
  const live = new LiveRoutes();
  const failures: unknown[] = [];
  const failed = (error: unknown) => failures.push(error);
  const size = minRewriteLength === undefined ? {} : { minRewriteLength };
  const journal = new RouteJournal({ path, table: () => live.table(), failed, ...size });
  return {
    path,
    live,
    journal,
    failures,
    replace(version: number, routes: readonly Route[]) {
      assert.ok(live.replace({ version, routes, reserved: [] }));
      journal.replaced();
    },
    change(change: Omit<RouteChange, 'from' | 'version'>) {
      const made = { from: live.version, version: live.version + 1, ...change };
      assert.ok(live.change(made));
      journal.changed(made);
    },
    async restored() {
      const other = new LiveRoutes();
      await readJournal(path, other);
      return other;
    },
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}

const many = Array.from({ length: 2_500 }, (_, at) => route(`app-${at}`));

test('the whole table and the later changes are read back', async () => {
  await using saved = await start();
  saved.replace(1, many);
  await saved.journal.flushed();
  saved.change({ put: [route('new')], drop: ['app-7'] });
  saved.change({ put: [route('newer')], drop: [] });
  await saved.journal.flushed();
  assert.deepEqual((await saved.restored()).table(), saved.live.table());
  assert.deepEqual(saved.failures, []);
});

test('a change writes only its own bytes', async () => {
  await using saved = await start();
  saved.replace(1, many);
  await saved.journal.flushed();
  const before = (await readFile(saved.path, 'utf8')).length;
  saved.change({ put: [route('new')], drop: [] });
  await saved.journal.flushed();
  const grown = (await readFile(saved.path, 'utf8')).length - before;
  assert.ok(grown > 0 && grown < 500, `${grown} bytes`);
});

test('a change during the writing of the whole table is not lost', async () => {
  await using saved = await start();
  saved.replace(1, many);
  saved.change({ put: [route('first')], drop: [] });
  await new Promise((resolve) => setImmediate(resolve));
  saved.change({ put: [route('second')], drop: ['first'] });
  saved.replace(10, [route('only')]);
  saved.change({ put: [route('third')], drop: [] });
  await saved.journal.flushed();
  assert.deepEqual((await saved.restored()).table().routes, [route('only'), route('third')]);
});

test('the file does not grow for ever', async () => {
  await using saved = await start(1_000);
  saved.replace(1, [route('a')]);
  for (let at = 0; at < 20; at += 1) {
    saved.change({ put: [route(`b-${at % 2}`), route(`c-${at}`)], drop: [`c-${at - 1}`] });
    await saved.journal.flushed();
  }
  const { length } = await readFile(saved.path, 'utf8');
  assert.ok(length < 3_000, `${length} bytes`);
  assert.deepEqual((await saved.restored()).table(), saved.live.table());
});

test('from a file that ends in the middle of a change, all earlier changes are read', async () => {
  await using saved = await start();
  saved.replace(1, [route('a')]);
  saved.change({ put: [route('b')], drop: [] });
  await saved.journal.flushed();
  saved.change({ put: [route('c')], drop: [] });
  await saved.journal.flushed();
  const { length } = await readFile(saved.path);
  await truncate(saved.path, length - 20);
  const restored = await saved.restored();
  assert.deepEqual([restored.version, restored.routeCount], [2, 2]);
  // A resolver that started with this file writes the whole table before it appends changes.
  const next = new RouteJournal({ path: saved.path, table: () => restored.table(), failed: assert.ifError });
  const change = { from: 2, version: 3, put: [route('d')], drop: [] };
  restored.change(change);
  next.changed(change);
  await next.flushed();
  assert.deepEqual((await saved.restored()).table(), restored.table());
});

test('changes that do not continue the table are ignored', async () => {
  await using saved = await start();
  saved.replace(1, [route('a')]);
  await saved.journal.flushed();
  await appendFile(saved.path, `${JSON.stringify({ from: 5, version: 6, put: [], drop: ['a'] })}\n`);
  assert.equal((await saved.restored()).routeCount, 1);
});

test('a failed write is reported, and the next change saves everything', async () => {
  await using saved = await start();
  await writeFile(join(saved.path, '../..', 'run'), 'in the way');
  saved.replace(1, [route('a')]);
  await saved.journal.flushed();
  assert.equal(saved.failures.length, 1);
  await rm(join(saved.path, '..'));
  saved.change({ put: [route('b')], drop: [] });
  await saved.journal.flushed();
  assert.deepEqual((await saved.restored()).table(), saved.live.table());
});
