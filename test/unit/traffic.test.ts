import assert from 'node:assert/strict';
import { test } from 'node:test';
import { currentOf, servingReleases } from '../../src/domain/traffic.ts';

const shares = (weights: Readonly<Record<string, number>>) =>
  Object.entries(weights).map(([releaseId, weight]) => ({ appId: 'app', releaseId, weight }));

test('the current release is the one with all the weight, and there is none while requests are split', () => {
  assert.equal(currentOf(shares({ v2: 7 })), 'v2');
  assert.equal(currentOf(shares({ v1: 99, v2: 1 })), null);
  assert.equal(currentOf([]), null);
});

test('the releases with traffic are listed by weight, largest first', () => {
  assert.deepEqual(servingReleases(shares({ v1: 5, v2: 90, v3: 10 })), ['v2', 'v3', 'v1']);
  assert.deepEqual(servingReleases([]), []);
});
