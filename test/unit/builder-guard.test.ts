import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Guard } from '../../src/builder/jail/guard.ts';
import { jailLimits } from '../../src/builder/jail/limits.ts';

test('work that fails after its build was cancelled is no unhandled rejection', async () => {
  using guard = new Guard(jailLimits, AbortSignal.abort());
  const { promise, reject } = Promise.withResolvers<void>();
  await assert.rejects(guard.race(promise), { code: 'cancelled' });
  reject(new Error('the work ends too'));
  // An unhandled rejection would fail this test.
  await new Promise((resolve) => setImmediate(resolve));
});
