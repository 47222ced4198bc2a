import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { eventKinds } from '../../src/domain/event.ts';
import type { Store } from '../../src/domain/store.ts';
import { type StoreFixture, storeFixture } from '../support/store-fixture.ts';

/** The promises of every adapter of the store about what retention deletes and keeps. */
export function storeRetentionContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} forgets`, () => {
    let store: Store;
    let fixture: StoreFixture;

    before(async () => {
      fixture = await storeFixture(await open());
      store = fixture.store;
    });
    after(() => store.close());

    const newArtifact = (app: App, cacheKey: string) =>
      store.artifacts.create({
        appId: app.id,
        imageId: 'sha256:1',
        cacheKey,
        builder: 'dockerfile',
        builderName: 'test',
        processes: [],
        launcher: null,
        user: '1:1',
        init: null,
        exposedPorts: [],
        sizeBytes: 1,
      });
    const newBuild = async (app: App, artifactId: string | null, pushId: string | null = null) => {
      const build = await store.builds.create({ appId: app.id, pushId, commit: 'c', treeId: 't' });
      return store.builds.update(build.id, { state: artifactId ? 'succeeded' : 'failed', artifactId });
    };
    const newRelease = async (app: App, artifactId: string | null) => {
      const { owner } = fixture;
      const facts = { appId: app.id, artifactId, cause: 'deploy', description: 'd', config: {} } as const;
      const release = await store.releases.create({ ...facts, accountId: owner.id });
      await store.releases.setStatus(release.id, 'succeeded');
      return release;
    };
    const versions = async (app: App) => (await store.releases.list(app.id)).map(({ version }) => version);

    test('old releases, but never the current one, a pending one or one with an instance', async () => {
      const [app, other] = [await fixture.newApp(), await fixture.newApp()];
      const releases = [];
      for (let version = 1; version <= 6; version++) releases.push(await newRelease(app, null));
      await newRelease(other, null);
      const [first, second, third] = releases;
      assert.ok(first && second && third);
      await store.traffic.switchAllTo(app.id, first.id);
      await fixture.newInstance(app, second);
      await store.releases.setStatus(third.id, 'pending');
      await store.releases.prune(app.id, 2);
      assert.deepEqual(await versions(app), [6, 5, 3, 2, 1]);
      assert.deepEqual(await versions(other), [1]);
      const next = await newRelease(app, null);
      assert.equal(next.version, 7, 'numbers go on');
    });

    test('old builds that have ended, then the pushes and artifacts of these builds only', async () => {
      const app = await fixture.newApp();
      const push = () =>
        store.pushes.create({
          appId: app.id,
          ref: 'refs/heads/main',
          oldCommit: null,
          newCommit: 'c',
          accountId: fixture.owner.id,
        });
      const pushes = [await push(), await push(), await push()];
      const [released, unused, kept, newest] = [
        await newArtifact(app, 'released'),
        await newArtifact(app, 'unused'),
        await newArtifact(app, 'kept'),
        await newArtifact(app, 'newest'),
      ];
      await newRelease(app, released.id);
      await newBuild(app, released.id, pushes[0]?.id);
      await newBuild(app, unused.id, pushes[1]?.id);
      const waiting = await store.builds.create({ appId: app.id, pushId: null, commit: 'c', treeId: 't' });
      await newBuild(app, null);
      const last = await newBuild(app, kept.id, pushes[2]?.id);

      await store.pushes.prune(app.id, 0);
      assert.ok(await store.pushes.find(pushes[0]?.id ?? ''), 'a build is of it');
      await store.builds.prune(app.id, 1);
      assert.deepEqual(
        (await store.builds.list(app.id)).map(({ id }) => id),
        [last.id, waiting.id],
      );
      await store.artifacts.prune(app.id);
      assert.deepEqual(
        (await store.artifacts.list(app.id)).map(({ cacheKey }) => cacheKey),
        [newest, kept, released].map(({ cacheKey }) => cacheKey),
      );
      await store.pushes.prune(app.id, 0);
      assert.deepEqual(await Promise.all(pushes.map(async ({ id }) => (await store.pushes.find(id)) !== null)), [
        false,
        false,
        true,
      ]);
    });

    test('old events, of some kinds or of all kinds, a few at a time', async () => {
      const { append } = fixture;
      const app = await fixture.newApp();
      await append(app.id, 'app.created');
      for (let count = 0; count < 3; count++) await append(app.id, 'instance.crashed');
      const kinds = async () => (await store.events.list({ appId: app.id, limit: 10 })).map(({ kind }) => kind);
      assert.equal(
        await store.events.prune({ kinds: eventKinds, before: new Date(0), limit: 10 }),
        0,
        'none is so old',
      );
      const later = new Date(Date.now() + 1000);
      assert.equal(await store.events.prune({ kinds: ['instance.crashed'], before: later, limit: 2 }), 2);
      assert.deepEqual(await kinds(), ['instance.crashed', 'app.created']);
      const [, first] = await store.events.list({ appId: app.id, limit: 10 });
      await store.events.prune({ kinds: eventKinds, before: later, limit: 1000, upTo: first?.seq ?? 0 });
      assert.deepEqual(await kinds(), ['instance.crashed']);
      await store.events.prune({ kinds: eventKinds, before: later, limit: 1000 });
      assert.deepEqual(await kinds(), []);
      const [next] = [await append(app.id, 'app.renamed')];
      assert.deepEqual(await store.events.listAfter(0, 10), [next]);
    });
  });
}
