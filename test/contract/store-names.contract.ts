import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Account } from '../../src/domain/actor.ts';
import type { Store } from '../../src/domain/store.ts';

/** The promises of every adapter of the store about names that are promised to accounts, and hostnames that meet. */
export function storeNamesContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} keeps names that are promised to accounts`, () => {
    let store: Store;
    let ada: Account;
    let eve: Account;

    before(async () => {
      store = await open();
      ada = await store.accounts.create('ada@example.com');
      eve = await store.accounts.create('eve@example.com');
    });
    after(() => store.close());

    const names = (list: readonly { readonly name: string }[]) => list.map((one) => one.name);

    test('one row for each name and state, which is replaced, found, listed and removed', async () => {
      const kept = await store.names.put({ name: 'shop', state: 'kept', accountId: ada.id });
      assert.deepEqual(await store.names.find('shop', 'kept'), kept);
      assert.equal(await store.names.find('shop', 'allowed'), null);
      await store.names.put({ name: 'shop', state: 'allowed', accountId: ada.id });
      const later = await store.names.put({ name: 'shop', state: 'kept', accountId: eve.id });
      assert.equal((await store.names.find('shop', 'kept'))?.accountId, eve.id);
      assert.ok(later.createdAt >= kept.createdAt);
      await store.names.put({ name: 'cart', state: 'kept', accountId: ada.id });
      assert.deepEqual(names(await store.names.list()), ['cart', 'shop', 'shop']);
      assert.deepEqual(names(await store.names.list(ada.id)), ['cart', 'shop']);
      assert.equal(await store.names.remove('shop', 'kept'), true);
      assert.equal(await store.names.remove('shop', 'kept'), false);
      assert.deepEqual(names(await store.names.list()), ['cart', 'shop']);
    });

    test('old kept names are removed, and allowed ones stay', async () => {
      const all = { accountId: eve.id, keep: 100 };
      await store.names.put({ name: 'old', state: 'kept', accountId: ada.id });
      await store.names.put({ name: 'status', state: 'allowed', accountId: ada.id });
      await store.names.prune(new Date(Date.now() - 60_000), all);
      assert.ok(await store.names.find('old', 'kept'));
      await store.names.prune(new Date(Date.now() + 60_000), all);
      assert.equal(await store.names.find('old', 'kept'), null);
      assert.ok(await store.names.find('status', 'allowed'));
    });

    test('of one account only the newest are kept', async () => {
      for (const name of ['one', 'two', 'three']) await store.names.put({ name, state: 'kept', accountId: eve.id });
      await store.names.put({ name: 'hers', state: 'kept', accountId: ada.id });
      await store.names.put({ name: 'may', state: 'allowed', accountId: eve.id });
      await store.names.prune(new Date(0), { accountId: eve.id, keep: 2 });
      const left = await store.names.list(eve.id);
      assert.equal(left.filter(({ state }) => state === 'kept').length, 2);
      assert.equal(left.filter(({ state }) => state === 'allowed').length, 1);
      assert.ok(await store.names.find('hers', 'kept'));
      await store.names.prune(new Date(0), { accountId: eve.id, keep: 0 });
    });

    test('hostnames meet in a wildcard, of apps and of kept names alike', async () => {
      const app = await store.apps.create({ name: 'meeting', ownerId: ada.id });
      const hostnames = ['*.example.com', 'example.com', 'a.example.com', 'a.b.example.com', 'an-example.com', 'b.org'];
      for (const hostname of hostnames) {
        await store.domains.create({ appId: app.id, hostname });
        await store.names.put({ name: hostname, state: 'kept', accountId: eve.id });
        await store.names.put({ name: hostname, state: 'allowed', accountId: eve.id });
      }
      for (const [hostname, met] of [
        ['www.example.com', ['*.example.com']],
        ['x.y.example.com', ['*.example.com']],
        ['example.com', ['*.example.com']],
        ['*.example.com', ['a.b.example.com', 'a.example.com', 'example.com']],
        ['*.b.example.com', ['*.example.com', 'a.b.example.com']],
        ['*.com', ['*.example.com', 'a.b.example.com', 'a.example.com', 'an-example.com', 'example.com']],
        ['b.org', []],
        ['c.org', []],
      ] as const) {
        const domains = await store.domains.related(hostname);
        assert.deepEqual(domains.map((one) => one.hostname).sort(), met, hostname);
        assert.ok(domains.every(({ ownerId }) => ownerId === ada.id));
        const kept = await store.names.related(hostname);
        assert.deepEqual(names(kept).sort(), met, hostname);
        assert.ok(kept.every(({ state }) => state === 'kept'));
      }
    });
  });
}
