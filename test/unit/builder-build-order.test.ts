import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { admissions, type QueueFacts, queueLine, serveOrder } from '../../src/builder/build-order.ts';
import type { Build } from '../../src/domain/build.ts';

/** `a1` is a build of the app `a`, requested and begun at these seconds. */
function build(id: string, at: { asked: number; began?: number; worker?: number }): Build {
  return {
    id,
    appId: id.slice(0, 1),
    pushId: null,
    commit: `${id}00000000`,
    treeId: 't',
    state: at.began === undefined ? 'queued' : 'building',
    reason: null,
    artifactId: null,
    worker: at.worker ?? null,
    createdAt: second(at.asked),
    startedAt: at.began === undefined ? null : second(at.began),
    endedAt: null,
  };
}

const second = (seconds: number) => new Date(seconds * 1000);

function facts(given: Partial<QueueFacts>): QueueFacts {
  return { queued: [], building: [], lastEnded: new Map(), workers: 2, alone: new Set(), ...given };
}

const ids = (builds: readonly Build[]) => builds.map(({ id }) => id);

describe('the order of builds', () => {
  test('is the order of requests while every app has one', () => {
    const queued = [build('b1', { asked: 1 }), build('a1', { asked: 2 }), build('c1', { asked: 3 })];
    assert.deepEqual(ids(serveOrder(facts({ queued }))), ['b1', 'a1', 'c1']);
  });

  test('makes an app with ten builds wait for the others between two of its own', () => {
    const many = Array.from({ length: 10 }, (_, count) => build(`a${count}`, { asked: count }));
    const queued = [...many, build('b1', { asked: 20 }), build('b2', { asked: 21 }), build('c1', { asked: 22 })];
    assert.deepEqual(ids(serveOrder(facts({ queued }))).slice(0, 6), ['a0', 'b1', 'c1', 'a1', 'b2', 'a2']);
  });

  test('counts the next build of an app as requested when its last one ended', () => {
    const queued = [build('a2', { asked: 1 }), build('b1', { asked: 5 })];
    const lastEnded = new Map([['a', second(6)]]);
    assert.deepEqual(ids(serveOrder(facts({ queued, lastEnded }))), ['b1', 'a2']);
  });

  test('does not put an app behind a new one because of builds long ago', () => {
    const queued = [build('a2', { asked: 100 }), build('b1', { asked: 101 })];
    const lastEnded = new Map([['a', second(3)]]);
    assert.deepEqual(ids(serveOrder(facts({ queued, lastEnded }))), ['a2', 'b1']);
  });

  test('puts an app with a running build behind those without', () => {
    const building = [build('a1', { asked: 0, began: 1, worker: 0 })];
    const queued = [build('a2', { asked: 2 }), build('b1', { asked: 3 })];
    assert.deepEqual(ids(serveOrder(facts({ queued, building }))), ['b1', 'a2']);
  });

  test('is the order of the rows for builds of the same time', () => {
    const queued = ['c1', 'a1', 'b1'].map((id) => build(id, { asked: 7 }));
    assert.deepEqual(ids(serveOrder(facts({ queued }))), ['c1', 'a1', 'b1']);
  });
});

describe('the builds that begin', () => {
  const begin = (given: Partial<QueueFacts>) =>
    admissions(facts(given)).map(({ build: { id }, worker }) => `${id} in ${worker}`);

  test('are as many as there are free workers, each in its own', () => {
    const queued = ['a1', 'b1', 'c1'].map((id, asked) => build(id, { asked }));
    assert.deepEqual(begin({ queued }), ['a1 in 0', 'b1 in 1']);
    const building = [build('d1', { asked: 0, began: 0, worker: 0 })];
    assert.deepEqual(begin({ queued, building }), ['a1 in 1']);
    const full = [...building, build('e1', { asked: 0, began: 0, worker: 1 })];
    assert.deepEqual(begin({ queued, building: full }), []);
  });

  test('are one per app, and an app that waits for its own build blocks no other', () => {
    const queued = ['a1', 'a2', 'b1'].map((id, asked) => build(id, { asked }));
    assert.deepEqual(begin({ queued, workers: 4 }), ['a1 in 0', 'b1 in 1']);
    const building = [build('a0', { asked: 0, began: 0, worker: 1 })];
    assert.deepEqual(begin({ queued, building }), ['b1 in 0']);
  });

  test('are one at a time of those that run alone, and those behind are not kept waiting', () => {
    const alone = new Set(['a1', 'b1', 'c1']);
    const queued = ['a1', 'b1', 'd1'].map((id, asked) => build(id, { asked }));
    assert.deepEqual(begin({ queued, alone, workers: 4 }), ['a1 in 0', 'd1 in 1']);
    const building = [build('c1', { asked: 0, began: 1, worker: 0 })];
    assert.deepEqual(begin({ queued, building, alone, workers: 4 }), ['d1 in 1']);
    const line = queueLine(queued[1] as Build, facts({ queued, building, alone, workers: 4 }));
    assert.equal(
      line,
      'Waiting to build: this host cannot keep Dockerfiles apart and builds one at a time (position 2)...',
    );
  });

  test('are none when all workers are in use', () => {
    const building = ['a1', 'b1'].map((id, worker) => build(id, { asked: 0, began: 0, worker }));
    assert.deepEqual(begin({ queued: [build('c1', { asked: 1 })], building, workers: 1 }), []);
  });
});

describe('a pusher who waits', () => {
  const building = [build('x1', { asked: 0, began: 0, worker: 0 }), build('y1', { asked: 0, began: 0, worker: 1 })];

  test('reads how many are ahead, that no worker is free, and its own position', () => {
    const queued = ['a1', 'b1', 'c1'].map((id, asked) => build(id, { asked }));
    const lines = queued.map((one) => queueLine(one, facts({ queued, building })));
    assert.deepEqual(lines, [
      'Waiting to build: all 2 build workers are busy (position 1)...',
      'Waiting to build: 1 build is ahead of yours, all 2 build workers are busy (position 2)...',
      'Waiting to build: 2 builds are ahead of yours, all 2 build workers are busy (position 3)...',
    ]);
  });

  test('reads that there is only one worker', () => {
    const queued = [build('a1', { asked: 1 })];
    const one = building.slice(0, 1);
    const line = queueLine(queued[0] as Build, facts({ queued, building: one, workers: 1 }));
    assert.equal(line, 'Waiting to build: the only build worker is busy (position 1)...');
  });

  test('reads which build of its own app is in front', () => {
    const queued = [build('x2', { asked: 1 }), build('x3', { asked: 2 })];
    const lines = queued.map((one) => queueLine(one, facts({ queued, building: building.slice(0, 1) })));
    assert.deepEqual(lines, [
      'Waiting to build: the build of x100000 is ahead of yours (position 1)...',
      'Waiting to build: the build of x200000 is ahead of yours (position 2)...',
    ]);
  });
});
