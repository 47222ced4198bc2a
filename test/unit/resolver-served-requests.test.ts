import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServedRequests } from '../../src/resolver/served-requests.ts';

test('a hundred requests at once have a line each, then ten per second, and the others are counted', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const counts: [string, number][] = [];
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs };
  const served = new ServedRequests((appId, count) => counts.push([appId, count]), clock);
  const advance = (ms: number) => {
    nowMs += ms;
    t.mock.timers.tick(ms);
  };
  const admitted = (appId: string, requests: number) =>
    Array.from({ length: requests }, () => served.admits(appId)).filter(Boolean).length;

  assert.equal(admitted('shop', 130), 100);
  assert.equal(admitted('blog', 3), 3, "another app's requests take nothing from it");
  advance(1_000);
  assert.deepEqual(counts, [['shop', 30]]);
  assert.equal(admitted('shop', 15), 10);
  advance(1_000);
  assert.deepEqual(counts.at(-1), ['shop', 5]);
  advance(20_000);
  assert.equal(counts.length, 2, 'a quiet app is not told of');
  assert.equal(admitted('shop', 130), 100, 'who was quiet may have a burst again');
});
