import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { uidsPerApp } from '../../src/domain/app-user.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import type { Store } from '../../src/domain/store.ts';
import { type StoreFixture, storeFixture } from '../support/store-fixture.ts';

/** The promises of every adapter of the store about the parts of an app. */
export function storeAppsContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} keeps accounts, apps, config, releases and builds`, () => {
    let store: Store;
    let owner: StoreFixture['owner'];
    let newApp: StoreFixture['newApp'];
    let newRelease: StoreFixture['newRelease'];

    before(async () => {
      ({ store, owner, newApp, newRelease } = await storeFixture(await open()));
    });
    after(() => store.close());

    test('no two accounts share an email, in upper or lower case', async () => {
      assert.deepEqual(await store.accounts.find(owner.id), owner);
      assert.equal(owner.email, 'owner@example.com');
      await assert.rejects(store.accounts.create('OWNER@example.com'), { code: 'conflict' });
      assert.equal(await store.accounts.find(randomUUID()), null);
    });

    test('a token is found by its hash until it is removed', async () => {
      const {
        id: _,
        createdAt: __,
        lastUsedAt: ___,
        ...fields
      } = await store.tokens.create({
        accountId: owner.id,
        prefix: 'pp_abc',
        sha256: 'f'.repeat(64),
        description: 'this machine',
        scope: 'deploy',
        expiresAt: new Date('2030-01-02T03:04:05.678Z'),
      });
      const token = await store.tokens.findBySha256('f'.repeat(64));
      assert.ok(token);
      assert.deepEqual({ ...token, ...fields }, token);
      const usedAt = new Date('2029-01-01T00:00:00Z');
      await store.tokens.touch(token.id, usedAt);
      assert.deepEqual((await store.tokens.list(owner.id))[0]?.lastUsedAt, usedAt);
      await store.tokens.remove(token.id);
      assert.equal(await store.tokens.findBySha256('f'.repeat(64)), null);
    });

    test('an app is found by name or id, and the error for a wrong name says the next command', async () => {
      const app = await newApp();
      assert.deepEqual(await store.apps.get(app.name), app);
      assert.deepEqual(await store.apps.get(app.id), app);
      await assert.rejects(store.apps.get('nobody'), {
        code: 'not_found',
        message: 'No app named nobody.',
        hint: 'See your apps: paas apps',
      });
    });

    test('an app has users that no other app has had, also after one was destroyed', async () => {
      const [one, two] = [await newApp(), await newApp()];
      assert.equal(two.uid, one.uid + uidsPerApp);
      await store.apps.remove(two.id);
      const three = await newApp();
      assert.equal(three.uid, two.uid + uidsPerApp);
      const firstUid = three.uid + 1000;
      const far = await store.apps.create({ name: 'far', ownerId: owner.id, firstUid });
      assert.equal(far.uid, firstUid);
      const next = await newApp();
      assert.equal(next.uid, firstUid + uidsPerApp, 'a lower first uid does not go back');
      assert.equal((await store.apps.get(next.id)).uid, next.uid);
    });

    test('a taken app name is a conflict, for a new app and for a renamed one', async () => {
      const [one, two] = [await newApp(), await newApp()];
      await assert.rejects(store.apps.create({ name: one.name, ownerId: owner.id }), { code: 'conflict' });
      await assert.rejects(store.apps.rename(two.id, one.name), { code: 'conflict' });
      assert.equal((await store.apps.get(two.id)).name, two.name);
    });

    test('changed fields of an app are read back', async () => {
      const app = await newApp();
      await store.apps.setMaintenance(app.id, true);
      assert.equal((await store.apps.get(app.id)).maintenance, true);
      await assert.rejects(store.apps.setMaintenance(randomUUID(), true), { code: 'not_found' });
      for (const generation of [1, 2]) {
        await store.apps.purgeCache(app.id);
        assert.equal((await store.apps.get(app.id)).cacheGeneration, generation);
      }
    });

    test('traffic goes to one release or is split by weight, as the last write says', async () => {
      const [app, other] = [await newApp(), await newApp()];
      const [one, two, strange] = [await newRelease(app), await newRelease(app), await newRelease(other)];
      await store.traffic.switchAllTo(other.id, strange.id);
      const shares = async () =>
        (await store.traffic.list(app.id))
          .toSorted((a, b) => b.weight - a.weight)
          .map(({ releaseId, weight }) => [releaseId, weight]);
      assert.deepEqual(await shares(), []);
      await store.traffic.switchAllTo(app.id, one.id);
      assert.deepEqual(await shares(), [[one.id, 1]]);
      await store.traffic.split(app.id, { [one.id]: 90, [two.id]: 10 });
      assert.deepEqual(await shares(), [
        [one.id, 90],
        [two.id, 10],
      ]);
      for (const weight of [-1, 0.5, Number.NaN])
        await assert.rejects(store.traffic.split(app.id, { [one.id]: weight }), { code: 'invalid_params' });
      assert.equal((await shares()).length, 2, 'a refused split changes nothing');
      await store.traffic.split(app.id, { [one.id]: 0, [two.id]: 3 });
      assert.deepEqual(await shares(), [[two.id, 3]]);
      assert.deepEqual(await store.traffic.list(other.id), [{ appId: other.id, releaseId: strange.id, weight: 1 }]);
      await store.apps.remove(app.id);
      assert.deepEqual(await shares(), []);
    });

    test('config vars come back byte for byte', async () => {
      const app = await newApp();
      const vars = {
        JSON_VALUE: '{"a": [1, "two"]}',
        LINES: 'one\ntwo\r\n\tthree\n',
        QUOTES: `"double" 'single' \`back\` $HOME $(id) \\`,
        UNICODE: 'ü 漢字 🚀 \u202e',
        EMPTY: '',
        LARGE: 'x'.repeat(64 * 1024),
        __proto: 'plain',
      };
      assert.deepEqual(await store.configVars.change(app.id, vars), vars);
      assert.deepEqual(await store.configVars.get(app.id), vars);
      const { LARGE: _, ...rest } = vars;
      assert.deepEqual(await store.configVars.change(app.id, { LARGE: null, EMPTY: 'no more' }), {
        ...rest,
        EMPTY: 'no more',
      });
      await store.configVars.replace(app.id, { ONLY: 'this' });
      assert.deepEqual(await store.configVars.get(app.id), { ONLY: 'this' });
    });

    test('a variable can be changed and unset by the source that set it, and by nobody else', async () => {
      const app = await newApp();
      await store.configVars.change(app.id, { MINE: '1', __proto: '2' });
      await store.configVars.change(app.id, { DATABASE_URL: 'postgres://one' }, 'attachment');
      await store.configVars.change(app.id, { PORT_RANGE: '1-9' }, 'platform');
      const all = { MINE: '1', __proto: '2', DATABASE_URL: 'postgres://one', PORT_RANGE: '1-9' };
      assert.deepEqual(await store.configVars.sources(app.id), {
        MINE: 'user',
        __proto: 'user',
        DATABASE_URL: 'attachment',
        PORT_RANGE: 'platform',
      });
      for (const value of ['postgres://two', null])
        await assert.rejects(store.configVars.change(app.id, { MINE: '2', DATABASE_URL: value }), {
          code: 'conflict',
          message: 'DATABASE_URL was set by an attachment of a service, which alone may change or unset it.',
        });
      await assert.rejects(store.configVars.change(app.id, { PORT_RANGE: null }, 'attachment'), {
        code: 'conflict',
        message: /^PORT_RANGE was set by the platform,/,
      });
      await assert.rejects(store.configVars.change(app.id, { MINE: null }, 'attachment'), { code: 'conflict' });
      assert.deepEqual(await store.configVars.get(app.id), all, 'a refused change changes nothing');
      assert.deepEqual(
        await store.configVars.change(app.id, { DATABASE_URL: 'postgres://one' }),
        all,
        'it is so already',
      );
      await store.configVars.change(app.id, { DATABASE_URL: 'postgres://two' }, 'attachment');
      assert.equal((await store.configVars.sources(app.id)).DATABASE_URL, 'attachment');
      await store.configVars.change(app.id, { DATABASE_URL: null }, 'attachment');
      await store.configVars.change(app.id, { DATABASE_URL: 'sqlite' });
      assert.equal((await store.configVars.sources(app.id)).DATABASE_URL, 'user', 'the name is free again');
    });

    test('replacing the variables of one source keeps those of other sources', async () => {
      const app = await newApp();
      await store.configVars.change(app.id, { OLD: '1', KEPT: '2' });
      await store.configVars.change(app.id, { DATABASE_URL: 'new', CACHE_URL: 'new' }, 'attachment');
      await store.configVars.replace(app.id, { KEPT: '3', DATABASE_URL: 'old', AGAIN: '4' });
      const vars = { KEPT: '3', AGAIN: '4', DATABASE_URL: 'new', CACHE_URL: 'new' };
      assert.deepEqual(await store.configVars.get(app.id), vars);
      const { DATABASE_URL, AGAIN } = await store.configVars.sources(app.id);
      assert.deepEqual([DATABASE_URL, AGAIN], ['attachment', 'user']);
    });

    test('a variable may be named __proto__', async () => {
      const app = await newApp();
      await store.configVars.change(app.id, JSON.parse('{"__proto__": "x", "A": "1"}'));
      assert.deepEqual(Object.entries(await store.configVars.get(app.id)).sort(), [
        ['A', '1'],
        ['__proto__', 'x'],
      ]);
    });

    test('config vars over a limit are all refused, and the app keeps its old ones', async () => {
      const app = await newApp();
      await store.configVars.change(app.id, { A: '1' });
      await assert.rejects(store.configVars.change(app.id, { B: '2', C: 'x'.repeat(64 * 1024 + 1) }), {
        code: 'too_large',
      });
      await assert.rejects(store.configVars.change(app.id, { 'B-C': '2' }), { code: 'invalid_params' });
      assert.deepEqual(await store.configVars.get(app.id), { A: '1' });
    });

    test('releases count up per app, and keep the config of their time', async () => {
      const [one, two] = [await newApp(), await newApp()];
      const first = await newRelease(one);
      await newRelease(two);
      const third = await store.releases.create({
        appId: one.id,
        artifactId: null,
        cause: 'config',
        description: 'Set A config vars',
        accountId: owner.id,
        config: { A: '2' },
      });
      assert.deepEqual([first.version, third.version], [1, 2]);
      assert.deepEqual((await store.releases.find(first.id))?.config, { A: '1' });
      assert.deepEqual((await store.releases.findByVersion(one.id, 2))?.config, { A: '2' });
      assert.deepEqual(
        (await store.releases.list(one.id)).map(({ version }) => version),
        [2, 1],
      );
      assert.equal((await store.releases.list(one.id, 1)).length, 1);
      await store.releases.setStatus(first.id, 'succeeded');
      assert.equal((await store.releases.find(first.id))?.status, 'succeeded');
    });

    test('releases created at the same moment have different numbers', async () => {
      const app = await newApp();
      const made = await Promise.all(Array.from({ length: 10 }, () => newRelease(app)));
      assert.deepEqual(
        made.map(({ version }) => version).sort((a, b) => a - b),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      );
    });

    test('queued builds wait in the order of their creation, even within one millisecond', async () => {
      const app = await newApp();
      const made: string[] = [];
      for (let i = 0; i < 20; i++) {
        made.push((await store.builds.create({ appId: app.id, pushId: null, commit: `c${i}`, treeId: 't' })).id);
      }
      const queued = await store.builds.listByState('queued');
      assert.deepEqual(
        queued.map(({ id }) => id),
        made,
      );
      const [first, ...rest] = made;
      assert.ok(first);
      const startedAt = new Date('2026-05-05T05:05:05.005Z');
      const building = await store.builds.update(first, { state: 'building', startedAt });
      assert.deepEqual([building.state, building.startedAt, building.endedAt], ['building', startedAt, null]);
      assert.deepEqual(
        (await store.builds.listByState('queued')).map(({ id }) => id),
        rest,
      );
      assert.equal((await store.builds.list(app.id))[0]?.id, made.at(-1));
      await assert.rejects(store.builds.update(randomUUID(), { state: 'failed' }), { code: 'not_found' });
    });

    test("the end of each app's last build is known, and builds that never began do not count", async () => {
      const [one, two, none] = [await newApp(), await newApp(), await newApp()];
      const ended = async (appId: string, at: string, startedAt: Date | null) => {
        const { id } = await store.builds.create({ appId, pushId: null, commit: 'c', treeId: 't' });
        const changes = { state: 'failed', worker: 3, startedAt, endedAt: new Date(at) } as const;
        assert.equal((await store.builds.update(id, changes)).worker, 3);
      };
      const startedAt = new Date('2026-05-05T05:05:05.005Z');
      await ended(one.id, '2026-05-05T05:05:06.000Z', startedAt);
      await ended(one.id, '2026-05-05T05:05:08.000Z', startedAt);
      await ended(one.id, '2026-05-05T05:05:07.000Z', startedAt);
      await ended(one.id, '2026-05-06T00:00:00.000Z', null);
      await ended(two.id, '2026-05-06T00:00:00.000Z', startedAt);
      await store.builds.create({ appId: none.id, pushId: null, commit: 'c', treeId: 't' });
      const found = await store.builds.lastEnded([one.id, none.id]);
      assert.deepEqual([...found], [[one.id, new Date('2026-05-05T05:05:08.000Z')]]);
      assert.deepEqual([...(await store.builds.lastEnded([]))], []);
    });

    test('of two artifacts with one key the newest is found, and only in its own app', async () => {
      const [one, two] = [await newApp(), await newApp()];
      const artifact = {
        appId: one.id,
        imageId: 'sha256:1',
        cacheKey: 'key',
        builder: 'buildpack',
        builderName: 'Node.js',
        processes: [{ type: 'web', command: 'node "a b.js"', args: null }],
        launcher: '/paas/launch',
        user: '1000:1000',
        init: null,
        exposedPorts: [],
        sizeBytes: 5_000_000_000,
      } as const;
      const older = await store.artifacts.create(artifact);
      const newer = await store.artifacts.create({ ...artifact, imageId: 'sha256:2' });
      assert.deepEqual(await store.artifacts.findByKey(one.id, 'key'), newer);
      assert.equal(await store.artifacts.findByKey(two.id, 'key'), null);
      assert.deepEqual(await store.artifacts.list(one.id), [newer, older]);
      assert.deepEqual(await store.artifacts.find(older.id), older);
      await store.artifacts.setDigest(older.id, 'sha256:3');
      assert.deepEqual(await store.artifacts.find(older.id), { ...older, digest: 'sha256:3' });
      await assert.rejects(store.artifacts.setDigest(randomUUID(), 'sha256:3'), { code: 'not_found' });
    });

    test('a formation has one entry per process type', async () => {
      const app = await newApp();
      await store.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(4) });
      await store.formations.put({ appId: app.id, type: 'clock', quantity: 1, size: fixedSize(4) });
      await store.formations.put({ appId: app.id, type: 'web', quantity: 3, size: { reserved: 2, limit: 8 } });
      assert.deepEqual(
        (await store.formations.list(app.id)).map(({ type, quantity, size }) => ({ type, quantity, size })),
        [
          { type: 'clock', quantity: 1, size: fixedSize(4) },
          { type: 'web', quantity: 3, size: { reserved: 2, limit: 8 } },
        ],
      );
    });
  });
}
