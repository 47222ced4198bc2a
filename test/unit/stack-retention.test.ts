import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tagsToRemove } from '../../src/builder/stack-retention.ts';

const own = new Set(['paas/run:now', 'paas/build:now', 'paas/init:now', 'paas/host-ca:now']);

test('stacks and certificates of older recipes are removed, current ones stay', () => {
  const stacks = ['run', 'build', 'init', 'host-ca'].flatMap((kind) => [
    { tags: [`paas/${kind}:now`] },
    { tags: [`paas/${kind}:before`] },
  ]);
  assert.deepEqual(tagsToRemove(stacks, own), [
    'paas/run:before',
    'paas/build:before',
    'paas/init:before',
    'paas/host-ca:before',
  ]);
});

test('a stack with another tag beside its own stays: a foreign tag, latest, or its current one', () => {
  assert.deepEqual(tagsToRemove([{ tags: ['paas/run:before', 'team/base:1'] }], own), []);
  assert.deepEqual(tagsToRemove([{ tags: ['paas/run:before', 'paas/run:latest'] }], own), []);
  assert.deepEqual(tagsToRemove([{ tags: ['paas/run:before', 'paas/run:now'] }], own), []);
});

test('a stack without a tag is left to the next rebuild, because builds may use it', () => {
  assert.deepEqual(tagsToRemove([{ tags: [] }], own), []);
});
