import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { platformActor } from '../../src/domain/actor.ts';
import { eventOf } from '../../src/domain/event.ts';
import type { Store } from '../../src/domain/store.ts';
import { createAppLog } from '../../src/reporting/app-log.ts';
import { createEventLog } from '../../src/reporting/event-log.ts';
import { openStore } from '../../src/store/store.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { breakable } from '../support/breakable-feed.ts';
import { eventually } from '../support/eventually.ts';

const home = mkdtempSync(join(tmpdir(), 'paas-events-'));
const stores: Store[] = [];
after(async () => {
  await Promise.all(stores.map((store) => store.close()));
  rmSync(home, { recursive: true });
});

async function newStore(name: string): Promise<Store> {
  const store = await openStore({ path: join(home, `${name}.db`), keysDir: join(home, 'keys') });
  stores.push(store);
  return store;
}

/** A separate app, whose events show how far the log is. */
const marker = 'marker';

/** The part of a platform's run that handles events. */
function start(store: Store, dir: string) {
  const appLog = createAppLog({ dir, bytesPerApp: 1024 * 1024 });
  const eventLog = createEventLog({ store, appLog, logger: silentLogger, dir });
  const texts = async (appId = 'a') => (await appLog.read(appId, { lines: 1000 })).map(({ text }) => text);
  return {
    texts,
    /** Resolves when every event appended before is in the log of its app: events are written in order. */
    async caughtUp() {
      const before = (await texts(marker)).length;
      await scaled(store, 0, marker);
      await eventually('the marker is written', async () => (await texts(marker)).length > before);
    },
    async close() {
      await eventLog.close();
      await appLog.close();
    },
  };
}

const scaled = (store: Store, quantity: number, appId: string | null = 'a') =>
  store.events.append(
    eventOf('formation.changed', platformActor, { appId, data: { formation: `web@${quantity}:4c` } }),
  );

test('events of an app are in its log at once, in order, with their time', async () => {
  const store = await newStore('order');
  const run = start(store, join(home, 'order'));
  const event = await scaled(store, 0);
  for (let i = 1; i < 20; i++) await scaled(store, i);
  await scaled(store, 1, 'b');
  await scaled(store, 1, null);
  await eventually(
    'all are written',
    async () => (await run.texts()).length === 20 && (await run.texts('b')).length === 1,
  );
  assert.deepEqual(
    await run.texts(),
    Array.from({ length: 20 }, (_, i) => `Scaled to web@${i}:4c by paas`),
  );
  await run.close();
  const appLog = createAppLog({ dir: join(home, 'order'), bytesPerApp: 1024 * 1024 });
  const [first] = await appLog.read('a', { lines: 20 });
  assert.deepEqual([first?.at, first?.source, first?.process], [event.at, 'platform', 'api']);
  await appLog.close();
});

test('events during a restart are written afterwards, each once', async () => {
  const store = await newStore('restart');
  const dir = join(home, 'restart');
  const one = start(store, dir);
  await scaled(store, 1);
  await one.close();
  await scaled(store, 2);
  const two = start(store, dir);
  await scaled(store, 3);
  await two.close();
  const three = start(store, dir);
  await three.caughtUp();
  assert.deepEqual(
    await three.texts(),
    [1, 2, 3].map((i) => `Scaled to web@${i}:4c by paas`),
  );
  await three.close();
});

test('a crash before the position was saved repeats no event', async () => {
  const store = await newStore('crash');
  const dir = join(home, 'crash');
  const one = start(store, dir);
  await scaled(store, 1);
  await one.close();
  const note = join(dir, 'events.cursor');
  copyFileSync(note, `${note}.before`);
  const two = start(store, dir);
  for (let i = 2; i < 6; i++) await scaled(store, i);
  await two.close();
  // As after a kill at this moment: the lines are written, the position is not.
  copyFileSync(`${note}.before`, note);
  await scaled(store, 6);
  const three = start(store, dir);
  await three.caughtUp();
  assert.deepEqual(
    await three.texts(),
    [1, 2, 3, 4, 5, 6].map((i) => `Scaled to web@${i}:4c by paas`),
  );
  await three.close();
});

test('logs that start again do not repeat the history', async () => {
  const store = await newStore('anew');
  await scaled(store, 1);
  const run = start(store, join(home, 'anew'));
  await run.caughtUp();
  await scaled(store, 2);
  await run.caughtUp();
  assert.deepEqual(await run.texts(), ['Scaled to web@2:4c by paas']);
  await run.close();
});

test('when the store does not answer at the start, later events are still written', async () => {
  const store = await newStore('late');
  await scaled(store, 1);
  const dir = join(home, 'late');
  const appLog = createAppLog({ dir, bytesPerApp: 1024 * 1024 });
  let failures = 1;
  const list: typeof store.events.list = async (filter) => {
    if (failures-- > 0) throw new Error('The store is busy.');
    return store.events.list(filter);
  };
  const { changes, events } = store;
  const eventLog = createEventLog({
    store: { changes, events: { ...events, list } },
    appLog,
    logger: silentLogger,
    dir,
  });
  // Events from before it could read the store are history.
  await eventually('it looked', () => failures < 0);
  await scaled(store, 2);
  await eventually('it is written', async () => (await appLog.read('a', { lines: 10 })).length > 0);
  await eventLog.close();
  await appLog.close();
});

test('events that the change feed missed are written when it is back', async () => {
  const { store, breakFeed, mendFeed } = breakable(await newStore('gap'));
  const run = start(store, join(home, 'gap'));
  await run.caughtUp();
  breakFeed();
  await scaled(store, 1);
  mendFeed();
  await eventually('it is written', async () => (await run.texts()).length === 1);
  await run.close();
});

for (const [what, before] of [
  ['is behind the note', 1],
  ['has overtaken the note', 7],
] as const) {
  test(`a restored older store that ${what} repeats no history and loses no later event`, async () => {
    const dir = join(home, `restored-${before}`);
    const path = join(home, `restored-${before}.db`);
    const lives = async (work: (store: Store) => Promise<void>) => {
      const store = await openStore({ path, keysDir: join(home, 'keys') });
      await work(store);
      await store.close();
    };
    await lives(async (store) => {
      for (let i = 1; i <= 2; i++) await scaled(store, i);
    });
    copyFileSync(path, `${path}.backup`);
    await lives(async (store) => {
      const run = start(store, dir);
      await run.caughtUp();
      for (let i = 3; i <= 6; i++) await scaled(store, i);
      await run.close();
    });
    copyFileSync(`${path}.backup`, path);
    const lastNoted = Date.now();
    await eventually('the clock moved on', () => Date.now() > lastNoted);
    await lives(async (store) => {
      for (let i = 1; i <= before; i++) await scaled(store, 10 + i);
      const run = start(store, dir);
      await scaled(store, 20);
      await run.caughtUp();
      assert.deepEqual(
        await run.texts(),
        [3, 4, 5, 6, ...Array.from({ length: before }, (_, i) => 11 + i), 20].map(
          (i) => `Scaled to web@${i}:4c by paas`,
        ),
      );
      await run.close();
    });
  });
}
