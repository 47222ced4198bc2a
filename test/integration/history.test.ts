import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { usageKinds } from '../../src/domain/event.ts';
import type { Store } from '../../src/domain/store.ts';
import { forgetOldHistory, usageRolledUpTo } from '../../src/operations/history.ts';
import { openStore } from '../../src/store/store.ts';
import { type Clock, systemClock } from '../../src/system/clock.ts';
import { type StoreFixture, storeFixture } from '../support/store-fixture.ts';

const day = 24 * 60 * 60_000;
const never = new AbortController().signal;
const inDays = (days: number): Clock => ({ ...systemClock, now: () => new Date(Date.now() + days * day) });

describe('the history of a platform', () => {
  let home: string;
  let store: Store;
  let fixture: StoreFixture;
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'paas-history-'));
    store = await openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });
    fixture = await storeFixture(store);
  });
  after(async () => {
    await store.close();
    await rm(home, { recursive: true, force: true });
  });

  it('keeps a thousand rows of each kind per app, and always the current release', async () => {
    const app = await fixture.newApp();
    await store.transaction(async (tables) => {
      for (let version = 1; version <= 1005; version++) {
        const { id } = await fixture.newRelease(app, tables);
        await tables.releases.setStatus(id, 'succeeded');
        if (version === 1) await tables.traffic.switchAllTo(app.id, id);
        const build = await tables.builds.create({ appId: app.id, pushId: null, commit: 'c', treeId: 't' });
        await tables.builds.update(build.id, { state: 'failed' });
      }
    });
    await forgetOldHistory({ store, clock: systemClock }, never);
    assert.equal((await store.builds.list(app.id)).length, 1000);
    const versions = (await store.releases.list(app.id, 2000)).map(({ version }) => version);
    assert.deepEqual([versions.length, versions[0], versions.at(-2), versions.at(-1)], [1001, 1005, 6, 1]);
  });

  it('keeps events of instances for a month, and events of people for 13 months', async () => {
    const app = await fixture.newApp();
    for (const kind of ['release.created', 'instance.up', 'config.changed'] as const)
      await fixture.append(app.id, kind);
    const told = async () => (await store.events.list({ appId: app.id, limit: 10 })).map(({ kind }) => kind);
    await forgetOldHistory({ store, clock: inDays(29) }, never);
    assert.equal((await told()).length, 3);
    await forgetOldHistory({ store, clock: inDays(31) }, never);
    assert.deepEqual(await told(), ['config.changed', 'release.created']);
    await forgetOldHistory({ store, clock: inDays(401) }, never);
    assert.deepEqual(await told(), []);
  });

  it('keeps the events for usage until they are rolled up, however old', async () => {
    const app = await fixture.newApp();
    for (const kind of usageKinds) await fixture.append(app.id, kind);
    const last = await fixture.append(app.id, 'instance.starting');
    const seqs = async () => (await store.events.list({ appId: app.id, limit: 10 })).map(({ seq }) => seq);
    await forgetOldHistory({ store, clock: inDays(1000) }, never);
    assert.equal((await seqs()).length, usageKinds.length + 1);
    await store.settings.set(usageRolledUpTo, String(last.seq - 1));
    await forgetOldHistory({ store, clock: inDays(29) }, never);
    assert.equal((await seqs()).length, usageKinds.length + 1);
    await forgetOldHistory({ store, clock: inDays(31) }, never);
    assert.deepEqual(await seqs(), [last.seq]);
  });
});
