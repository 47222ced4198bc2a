import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import type { Change, Store } from '../../src/domain/store.ts';
import { type StoreFixture, storeFixture } from '../support/store-fixture.ts';

/** The promises of every adapter of the store about transactions and the change feed. */
export function storeTransactionsContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} keeps transactions and the change feed`, () => {
    let store: Store;
    let newApp: StoreFixture['newApp'];
    let newRelease: StoreFixture['newRelease'];
    let append: StoreFixture['append'];

    before(async () => {
      ({ store, newApp, newRelease, append } = await storeFixture(await open()));
    });
    after(() => store.close());

    test('a failed transaction leaves no rows and no notification', async () => {
      const app = await newApp();
      const heard: Change[] = [];
      const unsubscribe = store.changes.subscribe((change) => heard.push(change), noGap);
      const failure = new Error('no');
      await assert.rejects(
        store.transaction(async (tables) => {
          await newRelease(app, tables);
          await tables.configVars.change(app.id, { A: '1' });
          throw failure;
        }),
        failure,
      );
      unsubscribe();
      assert.deepEqual(await store.releases.list(app.id), []);
      assert.deepEqual(await store.configVars.get(app.id), {});
      assert.deepEqual(heard, []);
    });

    test('a transaction sees its own writes, and nobody else sees them before it ends', async () => {
      const app = await newApp();

      let leave: (() => void) | undefined;
      const inside = new Promise<void>((resolve) => {
        leave = resolve;
      });
      const done = store.transaction(async (tables) => {
        await newRelease(app, tables);
        assert.equal((await tables.releases.list(app.id)).length, 1);
        await inside;
        await newRelease(app, tables);
      });
      const outside = store.releases.list(app.id);
      await new Promise((resolve) => setImmediate(resolve));
      leave?.();
      await done;
      // It waits for the end, or sees the state before: never the first release without the second.
      assert.notEqual((await outside).length, 1);
      assert.equal((await store.releases.list(app.id)).length, 2);
    });

    test('many concurrent transactions, writes and reads all finish', async () => {
      const app = await newApp();
      const work: Promise<unknown>[] = [];
      for (let i = 0; i < 40; i++) {
        work.push(
          store.transaction(async (tables) => {
            await newRelease(app, tables);
            await append(app.id, 'app.created', tables);
          }),
          newRelease(app),
          store.releases.list(app.id),
          store.configVars.change(app.id, { [`V${i}`]: String(i) }),
        );
      }
      await Promise.all(work);
      assert.equal((await store.releases.list(app.id)).length, 80);
      assert.equal(Object.keys(await store.configVars.get(app.id)).length, 40);
    });

    test('using the outer store inside a transaction fails at once instead of waiting for itself', async () => {
      await assert.rejects(
        store.transaction(async () => {
          await store.apps.list();
        }),
        { code: 'internal', message: /inside a transaction/ },
      );
      await assert.rejects(
        store.transaction(() => store.transaction(async () => 1)),
        { code: 'internal', message: /inside a transaction/ },
      );
      assert.ok(await store.apps.list(), 'the store goes on');
    });

    test("a transaction's tables cannot be used after its end", async () => {
      const tables = await store.transaction(async (given) => given);
      await assert.rejects(tables.apps.list(), { code: 'internal', message: /after its end/ });
    });

    test('changes are announced after the commit, in order, each row once', async () => {
      const app = await newApp();
      const heard: string[] = [];
      let seen: Promise<App | null> | undefined;
      const unsubscribe = store.changes.subscribe(({ table, appId, id }) => {
        assert.equal(appId, app.id);
        heard.push(`${table} ${id}`);
        seen ??= store.apps.find(app.id);
      }, noGap);
      const release = await store.transaction(async (tables) => {
        await tables.apps.setMaintenance(app.id, true);
        const made = await newRelease(app, tables);
        await tables.traffic.switchAllTo(app.id, made.id);
        await tables.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(4) });
        assert.deepEqual(heard, []);
        return made;
      });
      assert.deepEqual(heard, [
        `apps ${app.id}`,
        `releases ${release.id}`,
        `traffic ${app.id}`,
        `formations ${app.id}/web`,
      ]);
      assert.equal((await seen)?.maintenance, true, 'a listener may ask the store at once');
      await store.releases.setStatus(release.id, 'succeeded');
      assert.equal(heard.at(-1), `releases ${release.id}`);
      unsubscribe();
      await store.apps.setMaintenance(app.id, false);
      assert.equal(heard.length, 5);
    });

    test('changes of concurrent transactions are announced in the order of their commits', async () => {
      const app = await newApp();
      const heard: string[] = [];
      const unsubscribe = store.changes.subscribe(({ id }) => heard.push(id), noGap);
      const made = await Promise.all(Array.from({ length: 20 }, () => newRelease(app)));
      unsubscribe();
      const byVersion = [...made].sort((a, b) => a.version - b.version);
      assert.deepEqual(
        heard,
        byVersion.map(({ id }) => id),
      );
    });

    test('a listener that throws harms neither the change nor other listeners, and is asked to look again', async () => {
      const app = await newApp();
      const heard: string[] = [];
      let looked = 0;
      const unsubscribes = [
        store.changes.subscribe(
          () => {
            throw new Error('mine');
          },
          () => {
            looked += 1;
            if (looked === 2) throw new Error('mine too');
          },
        ),
        store.changes.subscribe(({ id }) => heard.push(id), noGap),
      ];
      await store.apps.setMaintenance(app.id, true);
      assert.equal(looked, 1);
      await store.apps.setMaintenance(app.id, false);
      await store.apps.setMaintenance(app.id, true);
      assert.equal(looked, 3, 'one that could not look again is asked once more');
      for (const unsubscribe of unsubscribes) unsubscribe();
      assert.deepEqual(heard, [app.id, app.id, app.id]);
    });
  });
}

function noGap(): void {
  assert.fail('Nothing was missed.');
}
