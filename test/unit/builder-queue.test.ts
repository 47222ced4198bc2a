import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildQueue, type Place, type Wait } from '../../src/builder/queue.ts';

const never = new AbortController().signal;

function enter(queue: BuildQueue, appId: string, commit: string, signal = never) {
  const waits: Wait[] = [];
  let place: Place | null = null;
  const entered = queue.enter({ appId, commit, signal, onWait: (wait) => waits.push(wait) }).then((given) => {
    place = given;
    return given;
  });
  return { waits, entered, place: () => place };
}

/** All that can go on without anybody else has gone on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

test('one app builds one commit at a time, in the order of the pushes', async () => {
  const queue = new BuildQueue(4);
  const first = enter(queue, 'a', 'c1');
  const second = enter(queue, 'a', 'c2');
  const third = enter(queue, 'a', 'c3');
  await settled();
  assert.ok(first.place());
  assert.deepEqual(second.waits, [{ position: 1, behind: 'c1' }]);
  assert.deepEqual(third.waits, [{ position: 2, behind: 'c2' }]);
  first.place()?.[Symbol.dispose]();
  await settled();
  assert.ok(second.place());
  assert.equal(third.place(), null);
  assert.deepEqual(third.waits.at(-1), { position: 1, behind: 'c2' });
});

test('an app that waits for itself keeps no other app waiting', async () => {
  const queue = new BuildQueue(2);
  enter(queue, 'a', 'a1');
  enter(queue, 'a', 'a2');
  const other = enter(queue, 'b', 'b1');
  await settled();
  assert.ok(other.place());
  assert.deepEqual(other.waits, []);
});

test('when all places are taken the next one waits for a place, and gets the one that is free', async () => {
  const queue = new BuildQueue(2);
  const a = enter(queue, 'a', 'a1');
  const b = enter(queue, 'b', 'b1');
  const c = enter(queue, 'c', 'c1');
  await settled();
  assert.deepEqual([a.place()?.slot, b.place()?.slot], [0, 1]);
  assert.deepEqual(c.waits, [{ position: 1, behind: null }]);
  b.place()?.[Symbol.dispose]();
  await settled();
  assert.equal(c.place()?.slot, 1);
});

test('who goes away while waiting leaves the line', async () => {
  const queue = new BuildQueue(1);
  const first = enter(queue, 'a', 'c1');
  const gone = new AbortController();
  const second = enter(queue, 'a', 'c2', gone.signal);
  const third = enter(queue, 'a', 'c3');
  await settled();
  gone.abort();
  await assert.rejects(second.entered, { code: 'cancelled' });
  assert.deepEqual(third.waits.at(-1), { position: 1, behind: 'c1' });
  first.place()?.[Symbol.dispose]();
  await third.entered;
});

test('giving a place back twice does not let two in', async () => {
  const queue = new BuildQueue(1);
  const first = enter(queue, 'a', 'a1');
  const second = enter(queue, 'b', 'b1');
  const third = enter(queue, 'c', 'c1');
  await settled();
  first.place()?.[Symbol.dispose]();
  first.place()?.[Symbol.dispose]();
  await settled();
  assert.ok(second.place());
  assert.equal(third.place(), null);
});
