import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket } from '../../src/system/token-bucket.ts';

test('a bucket allows a burst, then its rate, and after a pause a burst again and no more', () => {
  let nowMs = 0;
  const bucket = new TokenBucket({ capacity: 10, perSecond: 2 }, { monotonicMs: () => nowMs });
  const taken = (times: number) => Array.from({ length: times }, () => bucket.take()).filter(Boolean).length;
  assert.equal(taken(15), 10);
  assert.equal(bucket.isFull, false);
  nowMs += 1500;
  assert.equal(taken(15), 3);
  nowMs += 60_000;
  assert.equal(bucket.isFull, true);
  assert.equal(bucket.level, 10);
  assert.equal(taken(15), 10);
});

test('a request for more than is left takes nothing', () => {
  const bucket = new TokenBucket({ capacity: 10, perSecond: 1 }, { monotonicMs: () => 0 });
  assert.equal(bucket.take(11), false);
  assert.equal(bucket.take(10), true);
  assert.equal(bucket.take(), false);
});
