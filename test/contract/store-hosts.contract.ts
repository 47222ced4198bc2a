import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { Store } from '../../src/domain/store.ts';
import { aHost, putHost } from '../support/hosts.ts';
import { type StoreFixture, storeFixture } from '../support/store-fixture.ts';

/** The promises of every adapter of the store about hosts, their groups and the networks of apps on them. */
export function storeHostsContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} keeps hosts and the networks of apps on them`, () => {
    let store: Store;
    let newApp: StoreFixture['newApp'];

    before(async () => {
      ({ store, newApp } = await storeFixture(await open()));
    });
    after(() => store.close());

    test('a saved host is read back whole, and saving it again updates it', async () => {
      const { createdAt: _, ...facts } = aHost({
        id: 'host-2',
        name: 'b',
        groupId: 'north',
        role: 'infra',
        address: '192.0.2.7',
        memoryBytes: 64 * 1024 ** 3,
        labels: { disk: 'ssd "fast"' },
        seenAt: new Date('2026-01-01T00:00:00.123Z'),
      });
      await assert.rejects(store.hosts.put(facts), { code: 'conflict' }, 'a host without its group');
      const group = await store.hostGroups.put({ id: 'north', name: 'North' });
      const made = await store.hosts.put(facts);
      assert.deepEqual(made, { ...facts, createdAt: made.createdAt });
      const changed = await store.hosts.put({ ...facts, state: 'unreachable', seenAt: null, cloudlets: 7 });
      assert.deepEqual(changed, { ...made, state: 'unreachable', seenAt: null, cloudlets: 7 });
      assert.deepEqual((await store.hosts.list()).at(0), changed, 'by name');
      assert.deepEqual(await store.hostGroups.put({ id: 'north', name: 'Up' }), { ...group, name: 'Up' });
      assert.deepEqual(
        (await store.hostGroups.list()).map((one) => one.name),
        ['Up', 'default'],
      );
    });

    test('two hosts or two groups with the same name are a conflict', async () => {
      await putHost(store, { id: 'host-3', name: 'c' });
      await assert.rejects(putHost(store, { id: 'host-4', name: 'c' }), { code: 'conflict' });
      await store.hostGroups.put({ id: 'south', name: 'South' });
      await assert.rejects(store.hostGroups.put({ id: 'south-2', name: 'South' }), { code: 'conflict' });
    });

    test('an app has one network of each kind per host, and they go when the app goes', async () => {
      const [app, other] = [await newApp(), await newApp()];
      await putHost(store, { id: 'host-5', name: 'd' });
      const here = { appId: app.id, hostId: 'host-1', kind: 'bridge', networkId: 'n1' } as const;
      const there = { ...here, hostId: 'host-5', networkId: 'n2' };
      const others = { ...here, appId: other.id, networkId: 'n3' };
      for (const network of [here, there, others]) await store.appNetworks.put(network);
      await store.appNetworks.put({ ...here, networkId: 'n4' });
      assert.deepEqual(await store.appNetworks.list({ appId: app.id }), [{ ...here, networkId: 'n4' }, there]);
      assert.deepEqual(await store.appNetworks.list({ appId: app.id, hostId: 'host-5' }), [there]);
      await store.apps.remove(app.id);
      assert.deepEqual(await store.appNetworks.list({ hostId: 'host-1' }), [others]);
      await assert.rejects(store.appNetworks.put({ ...here, appId: randomUUID() }), { code: 'not_found' });
      await assert.rejects(store.appNetworks.put({ ...others, hostId: 'nowhere' }), { code: 'conflict' });
    });
  });
}
