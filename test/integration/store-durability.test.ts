import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { sqliteDatabase } from '../../src/store/sqlite.ts';
import { openStore } from '../../src/store/store.ts';
import { type Clock, systemClock } from '../../src/system/clock.ts';
import { currentIdOf, storeFixture } from '../support/store-fixture.ts';

const root = mkdtempSync(join(tmpdir(), 'paas-store-'));
after(() => rmSync(root, { recursive: true }));

const openIn = (home: string) => openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });

/** Runs the writing program until it has acknowledged `commits`, kills it at once, and returns what it acknowledged. */
function writeUntilKilled(home: string, commits: number): Promise<readonly string[]> {
  const program = join(import.meta.dirname, '..', 'support', 'store-writer.ts');
  const child = spawn(process.execPath, [program, home], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > commits) child.kill('SIGKILL');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(output.split('\n').slice(0, -1));
      else reject(new Error(`The writing program ended by itself with ${code}.`));
    });
  });
}

test('after a kill at any moment every acknowledged commit is there, and each commit is complete', async () => {
  const home = join(root, 'killed');
  const acknowledged: string[] = [];
  for (let round = 0; round < 4; round++) acknowledged.push(...(await writeUntilKilled(home, randomInt(20, 120))));
  const store = await openIn(home);
  const app = await store.apps.get('hello');
  const releases = await store.releases.list(app.id);
  const kept = new Set(releases.map(({ id }) => id));
  assert.deepEqual(
    acknowledged.filter((id) => !kept.has(id)),
    [],
  );
  assert.equal(await currentIdOf(store, app), releases[0]?.id);
  assert.deepEqual(
    releases.map(({ version }) => version),
    releases.map((_, index) => releases.length - index),
  );
  const events = await store.events.listAfter(0, 10_000);
  assert.deepEqual(
    events.flatMap(({ data }) => ('releaseId' in data ? [data.releaseId] : [])),
    releases.map(({ id }) => id).reverse(),
  );
  await store.close();
});

test('after a torn write the store opens with all commits up to some moment, and no partial commit', async () => {
  const home = join(root, 'torn');
  const store = await openIn(home);
  const { newApp, newRelease, append } = await storeFixture(store);
  const app = await newApp();
  const committed: string[] = [];
  for (let i = 0; i < 30; i++) {
    await store.transaction(async (tables) => {
      const release = await newRelease(app, tables);
      await append(app.id, 'release.created', tables);
      committed.push(release.id);
    });
  }
  const path = join(home, 'state.db');
  const walBytes = statSync(`${path}-wal`).size;
  const counts = new Set<number>();
  for (let i = 0; i < 25; i++) {
    const copy = join(root, `torn-${i}`);
    mkdirSync(join(copy, 'keys'), { recursive: true });
    copyFileSync(join(home, 'keys', 'root.key'), join(copy, 'keys', 'root.key'));
    copyFileSync(path, join(copy, 'state.db'));
    copyFileSync(`${path}-wal`, join(copy, 'state.db-wal'));
    // The schema is in the first part of the log; the commits are in the rest.
    truncateSync(join(copy, 'state.db-wal'), randomInt(Math.floor(walBytes / 2), walBytes));
    const torn = await openIn(copy);
    const releases = await torn.releases.list(app.id);
    const events = await torn.events.list({ appId: app.id, limit: 100 });
    assert.equal(events.length, releases.length);
    assert.deepEqual(releases.map(({ id }) => id).reverse(), committed.slice(0, releases.length));
    counts.add(releases.length);
    await torn.close();
    const check = new DatabaseSync(join(copy, 'state.db'), { readOnly: true });
    assert.deepEqual({ ...check.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' });
    check.close();
  }
  assert.ok(counts.size > 1, 'the log was cut at different commits');
  await store.close();
});

test('a full disk is reported, with what to do', () => {
  const database = new DatabaseSync(':memory:');
  database.exec('pragma max_page_count = 2; create table a (x)');
  const path = '/somewhere/state.db';
  assert.throws(
    () => {
      try {
        database.prepare('insert into a values (zeroblob(100000))').run();
      } catch (error) {
        throw sqliteDatabase(path).toPlatformError(error);
      }
    },
    { code: 'unavailable', message: /disk is full.*state\.db/, hint: /Free some space/, retryable: true },
  );
  database.close();
});

test('two programs that write at once wait for each other', async () => {
  const home = join(root, 'two');
  const store = await openIn(home);
  const { newApp } = await storeFixture(store);
  const other = writeUntilKilled(home, 100);
  let [done, own] = [false, 0];
  void other.finally(() => {
    done = true;
  });
  while (!done) {
    await newApp();
    own += 1;
    // The store answers before the event loop can read the other program's output.
    await setImmediate();
  }
  assert.equal((await store.apps.list()).length, own + 1);
  assert.ok((await other).length >= 100 && own > 0);
  await store.close();
});

test('a write of another program is a gap in the change feed, reported with the next write', async () => {
  const home = join(root, 'others');
  const [store, other] = [await openIn(home), await openIn(home)];
  let gaps = 0;
  const unsubscribe = store.changes.subscribe(
    () => undefined,
    () => {
      gaps += 1;
    },
  );
  await store.settings.set('a', '1');
  await store.settings.set('a', '2');
  assert.equal(gaps, 0);
  await other.settings.set('a', '3');
  await store.settings.set('b', '1');
  assert.equal(gaps, 1);
  await store.settings.set('b', '2');
  assert.equal(gaps, 1);
  unsubscribe();
  await other.close();
  await store.close();
});

test('only their owner can read the files of the store', async () => {
  const home = join(root, 'modes');
  const store = await openIn(home);
  await storeFixture(store);
  for (const name of ['state.db', 'state.db-wal', 'state.db-shm', 'keys/root.key']) {
    assert.equal((statSync(join(home, name)).mode & 0o777).toString(8), '600', name);
  }
  await store.close();
  assert.ok(readFileSync(join(home, 'state.db')).subarray(0, 15).equals(Buffer.from('SQLite format 3')));
});

test('rows keep their order of age over a restart, even when the clock was set back', async () => {
  const home = join(root, 'clock');
  const clock: Clock = { ...systemClock, now: () => new Date(Date.now() + 24 * 60 * 60_000) };
  const store = await openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys'), clock });
  const { append } = await storeFixture(store);
  const before = await append(null, 'platform.stopped');
  await store.close();
  const acknowledged = await writeUntilKilled(home, 3);
  const again = await openIn(home);
  const after = (await again.events.listAfter(before.seq, 1000)).flatMap(({ data }) =>
    'releaseId' in data ? [data.releaseId] : [],
  );
  await again.close();
  assert.ok(acknowledged.length >= 3);
  assert.deepEqual(after.slice(0, acknowledged.length), acknowledged);
});

test('the disk space of a large transaction is freed', async () => {
  const home = join(root, 'large');
  const store = await openIn(home);
  const { append, owner } = await storeFixture(store);
  const data = { version: 'x'.repeat(1024 * 1024) };
  const event = { kind: 'platform.started', appId: null, accountId: owner.id, actorEmail: owner.email } as const;
  await store.transaction(async (tables) => {
    for (let megabytes = 0; megabytes < 40; megabytes++)
      await tables.events.append({ ...event, requestId: null, data });
  });
  for (let small = 0; small < 3; small++) await append(null, 'platform.stopped');
  const { size } = statSync(join(home, 'state.db-wal'));
  await store.close();
  assert.ok(size <= 16 * 1024 * 1024, `${size} bytes`);
});
