import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scaled } from '../support/deadline.ts';
import { must, TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';

/** `npm run test:engines` runs this on each engine: it makes the stacks, pushes an app and changes it. */
test('a first push and a one-line push serve on this engine', { timeout: scaled(600_000) }, async () => {
  await using paas = await TestPlatform.start();
  const repo = await paas.deployed('engine', pythonApp('one'));
  assert.equal((await paas.http('engine')).body, 'one');
  await paas.commit('engine', pythonApp('two'));
  await must(paas.push(repo));
  assert.equal((await paas.http('engine')).body, 'two');
});
