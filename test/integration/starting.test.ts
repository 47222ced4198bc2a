import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { allUp } from '../../src/operations/starting.ts';
import { openStore } from '../../src/store/store.ts';
import { breakable } from '../support/breakable-feed.ts';
import { scaled } from '../support/deadline.ts';
import { storeFixture } from '../support/store-fixture.ts';

const home = mkdtempSync(join(tmpdir(), 'paas-starting-'));
after(() => rmSync(home, { recursive: true }));

test('instances whose start or end the change feed missed are seen when it is back', async () => {
  const opened = await openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });
  const { store, breakFeed, mendFeed } = breakable(opened);
  const { newApp, newRelease, newInstance } = await storeFixture(store);
  const app = await newApp();
  const release = await newRelease(app);
  const instances = [await newInstance(app, release, 1), await newInstance(app, release, 2)];
  const wait = (awaited: typeof instances) => {
    const deps = { store, startTimeoutMs: scaled(20_000) };
    return allUp({ instances: awaited, release }, deps, new AbortController().signal);
  };
  const [first, second] = instances;
  assert.ok(first && second);
  for (const { id } of instances) await store.instances.observe(id, { state: 'starting' });
  const [one, both] = [wait([first]), wait(instances)];
  breakFeed();
  await store.instances.observe(first.id, { state: 'up' });
  await store.instances.observe(second.id, { state: 'crashed', reason: 'It ended.' });
  mendFeed();
  await one;
  await assert.rejects(both, { code: 'start_failed', message: /web\.2 of v1 did not start: It ended/ });
  await store.close();
});
