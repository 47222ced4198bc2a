import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { only, type Page } from '../../src/domain/listing.ts';
import type { Store } from '../../src/domain/store.ts';
import { type StoreFixture, storeFixture } from '../support/store-fixture.ts';

function page<Property extends string>(property: Property, rest: Partial<Page<Property>> = {}): Page<Property> {
  return { property, start: null, end: null, order: 'asc', max: 100, ...rest };
}

const from = (value: string, exclusive = false) => ({ value, exclusive });

/** The promises of every adapter of the store about lists and their pages. */
export function storeListingsContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} lists`, () => {
    let store: Store;
    let fixture: StoreFixture;
    let app: App;

    const deploy = async (number: number) => {
      const { id: accountId } = fixture.owner;
      const artifact = await store.artifacts.create({
        appId: app.id,
        imageId: `sha256:${number}`,
        cacheKey: `key-${number}`,
        builder: 'buildpack',
        builderName: `Builder ${number}`,
        processes: [{ type: 'web', command: `run ${number}`, args: null }],
        launcher: null,
        user: '1:1',
        init: null,
        exposedPorts: [],
        sizeBytes: 5_000_000_000 + number,
      });
      const build = await store.builds.create({ appId: app.id, pushId: null, commit: `c${number}`, treeId: 't' });
      await store.builds.update(build.id, { state: 'succeeded', artifactId: artifact.id });
      const facts = { appId: app.id, artifactId: artifact.id, cause: 'deploy', description: 'd', config: {} } as const;
      const release = await store.releases.create({ ...facts, accountId });
      await store.releases.setStatus(release.id, 'succeeded');
      return { build, release, artifact };
    };

    before(async () => {
      fixture = await storeFixture(await open());
      store = fixture.store;
      app = await fixture.newApp();
      for (let number = 1; number <= 12; number++) await deploy(number);
      await fixture.newApp();
    });
    after(() => store.close());

    test('releases by number, between bounds, in both directions, with the row after the page', async () => {
      const versions = async (rest: Partial<Page<'version'>>) =>
        (await store.listings.releases(app.id, page('version', rest))).map(({ release }) => release.version);
      assert.deepEqual(await versions({ max: 3 }), [1, 2, 3, 4]);
      assert.deepEqual(await versions({ max: 3, order: 'desc' }), [12, 11, 10, 9]);
      assert.deepEqual(await versions({ start: from('9', true) }), [10, 11, 12]);
      assert.deepEqual(await versions({ start: from('10'), end: from('7', true), order: 'desc' }), [10, 9, 8]);
      assert.deepEqual(await versions({ start: from('1.5'), end: from('3') }), [2, 3]);
      assert.deepEqual(await versions({ start: from('1e99') }), []);
      assert.deepEqual(await versions({ start: from('nine') }), []);
      const [listed] = await store.listings.releases(app.id, page('version', { max: 1 }));
      assert.equal(listed?.email, fixture.owner.email);
      assert.deepEqual(listed?.release, (await store.releases.list(app.id)).at(-1));
    });

    test('the newest succeeded release of each artifact', async () => {
      const { release, artifact } = await deploy(13);
      const again = await store.releases.create({
        appId: app.id,
        artifactId: artifact.id,
        cause: 'config',
        description: 'd',
        accountId: fixture.owner.id,
        config: {},
      });
      const versions = async () => (await store.listings.newestOfArtifacts(app.id, 3)).map(({ version }) => version);
      assert.deepEqual(await versions(), [release.version, 12, 11], 'a pending one is none');
      await store.releases.setStatus(again.id, 'succeeded');
      assert.deepEqual(await versions(), [again.version, 12, 11]);
    });

    test('a build with its builder, its release and its owner', async () => {
      const { build, release } = await deploy(14);
      const [listed, ...others] = await store.listings.builds(app.id, only(build.id));
      assert.deepEqual(others, []);
      assert.deepEqual(listed, {
        build: await store.builds.find(build.id),
        accountId: fixture.owner.id,
        email: fixture.owner.email,
        builderName: 'Builder 14',
        releaseId: release.id,
      });
      const moments = await store.listings.builds(app.id, page('created_at', { order: 'desc', max: 2 }));
      assert.equal(moments[0]?.build.commit, 'c14');
      assert.ok(moments.length >= 3);
    });

    test('instances by name, with the processes of their release', async () => {
      const { release } = await deploy(15);
      for (const slot of [1, 2, 10]) await fixture.newInstance(app, release, slot);
      await fixture.newInstance(app, release, 2);
      const gone = await fixture.newInstance(app, release, 3);
      await store.instances.observe(gone.id, { state: 'refused', endedAt: new Date() });
      const names = async (rest: Partial<Page<'name'>>) =>
        (await store.listings.instances(app.id, page('name', rest))).map(({ instance }) => instance.slot);
      assert.deepEqual(await names({}), [1, 10, 2, 2]);
      assert.deepEqual(await names({ max: 1 }), [1, 10]);
      assert.deepEqual(await names({ max: 1, order: 'desc' }), [2, 2, 10]);
      assert.deepEqual(await names({ start: from('web.10', true) }), [2, 2]);
      const [listed] = await store.listings.instances(app.id, page('updated_at', { max: 1 }));
      assert.equal(listed?.version, release.version);
      assert.deepEqual(
        listed?.processes.map(({ command }) => command),
        ['run 15'],
      );
      assert.deepEqual(listed?.instance, await store.instances.find(listed?.instance.id ?? ''));
    });

    test('apps of one owner, with their newest release and the size of its image', async () => {
      const { release } = await deploy(16);
      const listed = await store.listings.apps(fixture.owner.id, page('name'));
      assert.equal(listed.length, 2);
      const [own, other] = [listed.find((one) => one.app.id === app.id), listed.find((one) => one.app.id !== app.id)];
      assert.deepEqual(own, {
        app: await store.apps.get(app.id),
        ownerEmail: fixture.owner.email,
        releasedAt: release.createdAt,
        artifactBytes: 5_000_000_016,
      });
      assert.deepEqual([other?.releasedAt, other?.artifactBytes], [null, null]);
      const stranger = await store.accounts.create('stranger@example.com');
      assert.deepEqual(await store.listings.apps(stranger.id, page('updated_at')), []);
    });

    test('domains by hostname, in byte order', async () => {
      const hostnames = ['b.example.com', 'a-b.example.com', 'a.example.com', '*.example.com'];
      for (const hostname of hostnames) await store.domains.create({ appId: app.id, hostname });
      const listed = await store.listings.domains(app.id, page('hostname'));
      assert.deepEqual(
        listed.map(({ hostname }) => hostname),
        hostnames.toSorted(),
      );
      assert.deepEqual(await store.listings.domains(app.id, only(listed[0]?.id ?? '')), [listed[0]]);
    });
  });
}
