import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tagsToRemove } from '../../src/builder/stack-retention.ts';

const own = new Set(['paas/run:now', 'paas/build:now', 'paas/host-ca:now']);

test('stacks and certificates that the platform would not make any more are to be removed, its own stay', () => {
  const stacks = ['run', 'build', 'host-ca'].flatMap((kind) => [
    { tags: [`paas/${kind}:now`] },
    { tags: [`paas/${kind}:before`] },
  ]);
  assert.deepEqual(tagsToRemove(stacks, own), ['paas/run:before', 'paas/build:before', 'paas/host-ca:before']);
});

test('a stack that has another name beside its own stays: somebody else’s, latest, or what it is called now', () => {
  assert.deepEqual(tagsToRemove([{ tags: ['paas/run:before', 'team/base:1'] }], own), []);
  assert.deepEqual(tagsToRemove([{ tags: ['paas/run:before', 'paas/run:latest'] }], own), []);
  assert.deepEqual(tagsToRemove([{ tags: ['paas/run:before', 'paas/run:now'] }], own), []);
});

test('a stack without a name is left to the next rebuild: builds may be using it', () => {
  assert.deepEqual(tagsToRemove([{ tags: [] }], own), []);
});
