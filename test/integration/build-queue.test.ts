import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { BuildQueue, type BuildWorker } from '../../src/builder/build-queue.ts';
import type { App } from '../../src/domain/app.ts';
import type { Build, BuildState } from '../../src/domain/build.ts';
import type { Store } from '../../src/domain/store.ts';
import { openStore } from '../../src/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { type StoreFixture, storeFixture } from '../support/store-fixture.ts';

describe('the queue of builds', () => {
  let home: string;
  let store: Store;
  let fixture: StoreFixture;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'paas-queue-'));
    store = await openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });
    fixture = await storeFixture(store);
  });
  afterEach(async () => {
    await store.close();
    await rm(home, { recursive: true, force: true });
  });

  const queued = (app: App, commit: string) =>
    store.builds.create({ appId: app.id, pushId: null, commit, treeId: 't' });
  const stateOf = async ({ id }: Build) => (await store.builds.find(id))?.state;
  const end = async ({ id }: Build, state: BuildState = 'succeeded') =>
    void (await store.builds.update(id, { state, endedAt: new Date() }));

  function begin(queue: BuildQueue, build: Build, signal = new AbortController().signal) {
    const lines: string[] = [];
    const actor = { accountId: fixture.owner.id, email: fixture.owner.email };
    const begun = queue.begin(build, { actor, signal, onWait: (line) => lines.push(line), alone: false });
    begun.catch(() => undefined);
    return { lines, begun };
  }

  it('starts as many builds as it has workers, and the next one with the worker that becomes free', async () => {
    const queue = new BuildQueue(store, 2);
    const apps = [await fixture.newApp(), await fixture.newApp(), await fixture.newApp()];
    const builds = await Promise.all(apps.map((app, count) => queued(app, `commit-${count}`)));
    const [one, two, three] = builds.map((build) => begin(queue, build));
    assert.ok(one && two && three);
    const workers = [await one.begun, await two.begun];
    assert.deepEqual(workers.map(({ number }) => number).sort(), [0, 1]);
    await eventually('the third pusher reads its position', () => three.lines.length > 0);
    assert.deepEqual(three.lines, ['Waiting to build: all 2 build workers are busy (position 1)...']);
    assert.deepEqual(await Promise.all(builds.map(stateOf)), ['building', 'building', 'queued']);
    const events = await store.events.list({ limit: 10 });
    assert.equal(events.filter(({ kind }) => kind === 'build.started').length, 2);

    await end(builds[1] as Build);
    const freed = workers[1]?.number;
    workers[1]?.[Symbol.dispose]();
    assert.equal((await three.begun).number, freed);
    assert.equal(await stateOf(builds[2] as Build), 'building');
  });

  it('alternates between the apps, however many builds one of them has', async () => {
    const queue = new BuildQueue(store, 1);
    const [greedy, modest] = [await fixture.newApp(), await fixture.newApp()];
    const order: string[] = [];
    const running: Promise<void>[] = [];
    const first = await queued(greedy, 'greedy-0');
    const worker = await begin(queue, first).begun;
    for (const [app, commit] of [
      [greedy, 'greedy-1'],
      [greedy, 'greedy-2'],
      [modest, 'modest-1'],
      [modest, 'modest-2'],
    ] as const) {
      const build = await queued(app, commit);
      running.push(
        begin(queue, build).begun.then(async (given) => {
          order.push(commit);
          await end(build);
          given[Symbol.dispose]();
        }),
      );
    }
    await end(first);
    worker[Symbol.dispose]();
    await Promise.all(running);
    assert.deepEqual(order, ['modest-1', 'greedy-1', 'modest-2', 'greedy-2']);
  });

  it('removes a build whose pusher leaves, and reports the new positions to the others', async () => {
    const queue = new BuildQueue(store, 1);
    const apps = [await fixture.newApp(), await fixture.newApp(), await fixture.newApp()];
    const [one, two, three] = await Promise.all(apps.map((app, count) => queued(app, `commit-${count}`)));
    assert.ok(one && two && three);
    await begin(queue, one).begun;
    const gone = new AbortController();
    const second = begin(queue, two, gone.signal);
    const third = begin(queue, three);
    await eventually('the third pusher reads its position', () => third.lines.at(-1)?.includes('position 2'));
    gone.abort();
    await assert.rejects(second.begun, { code: 'cancelled' });
    await eventually('the third is nearer', () => third.lines.at(-1)?.includes('position 1'));
    assert.equal(await stateOf(three), 'queued');
  });

  it('frees the worker of a build that has ended, even when its end could not be written', async () => {
    const queue = new BuildQueue(store, 1);
    const [one, two] = [await queued(await fixture.newApp(), 'one'), await queued(await fixture.newApp(), 'two')];
    const worker: BuildWorker = await begin(queue, one).begun;
    const second = begin(queue, two);
    worker[Symbol.dispose]();
    worker[Symbol.dispose]();
    assert.equal((await second.begun).number, 0);
    assert.equal(await stateOf(one), 'building');
  });

  it('is in the table, so it survives a restart, and a build without a pusher blocks nobody', async () => {
    const before = new BuildQueue(store, 1);
    const apps = [await fixture.newApp(), await fixture.newApp(), await fixture.newApp()];
    const builds = await Promise.all(apps.map((app, count) => queued(app, `commit-${count}`)));
    const [one, lost, two] = builds as [Build, Build, Build];
    await begin(before, one).begun;
    const waits = [begin(before, lost), begin(before, two)];
    await eventually('the third pusher reads its position', () => waits[1]?.lines.at(-1)?.includes('position 2'));
    before.close();
    for (const { begun } of waits) await assert.rejects(begun, { code: 'cancelled' });
    assert.deepEqual(await Promise.all(builds.map(stateOf)), ['building', 'queued', 'queued']);

    const after = new BuildQueue(store, 1);
    const resumed = begin(after, two);
    await eventually('the resumed build reads its position', () => resumed.lines.length > 0);
    assert.deepEqual(resumed.lines, ['Waiting to build: the only build worker is busy (position 1)...']);
    await end(one, 'failed');
    await resumed.begun;
    assert.equal(await stateOf(lost), 'queued');
  });
});
