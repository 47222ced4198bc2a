import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { Instance } from '../../src/domain/instance.ts';
import type { Store } from '../../src/domain/store.ts';
import { type StoreFixture, storeFixture } from '../support/store-fixture.ts';

/** The promises of every adapter of the store about instances, domains, events and settings. */
export function storeInstancesContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} keeps instances, domains, events and settings`, () => {
    let store: Store;
    let owner: StoreFixture['owner'];
    let newApp: StoreFixture['newApp'];
    let newRelease: StoreFixture['newRelease'];
    let newInstance: StoreFixture['newInstance'];
    let append: StoreFixture['append'];

    before(async () => {
      ({ store, owner, newApp, newRelease, newInstance, append } = await storeFixture(await open()));
    });
    after(() => store.close());

    test('an instance moves forward only', async () => {
      const app = await newApp();
      const { id } = await newInstance(app, await newRelease(app));
      const startedAt = new Date();
      await store.instances.observe(id, { state: 'starting', containerId: 'c1', startedAt });
      const up = await store.instances.observe(id, { state: 'up', address: '10.0.0.2', port: 5000 });
      assert.deepEqual([up.state, up.startedAt, up.port], ['up', startedAt, 5000]);
      await assert.rejects(store.instances.observe(id, { state: 'starting', address: '10.0.0.3' }), {
        code: 'internal',
      });
      assert.deepEqual(await store.instances.find(id), up);
      await assert.rejects(store.instances.observe(randomUUID(), { state: 'up' }), { code: 'not_found' });
    });

    test('the first reason to stop an instance stays', async () => {
      const app = await newApp();
      const { id } = await newInstance(app, await newRelease(app));
      await store.instances.desireStopped(id, 'replaced');
      await store.instances.desireStopped(id, 'app_destroyed');
      const instance = await store.instances.find(id);
      assert.deepEqual([instance?.desired, instance?.stopReason], ['stopped', 'replaced']);
    });

    test('an ended instance is not active, and is deleted when it is old and newer ones exist', async () => {
      const app = await newApp();
      const release = await newRelease(app);
      const instances = [];
      for (let slot = 1; slot <= 5; slot++) instances.push(await newInstance(app, release, slot));
      const [active, ...ended] = instances;
      const endedAt = new Date('2026-01-01T00:00:00Z');
      for (const { id } of ended) await store.instances.observe(id, { state: 'refused', endedAt });
      const ids = (rows: readonly Instance[]) => rows.map(({ slot }) => slot);
      assert.deepEqual(ids(await store.instances.listActive(app.id)), [active?.slot]);
      assert.ok((await store.instances.listActive()).some(({ id }) => id === active?.id));
      await store.instances.prune(endedAt, 2);
      assert.equal((await store.instances.list(app.id)).length, 5, 'none is older than that moment');
      await store.instances.prune(new Date('2026-01-01T00:00:01Z'), 2);
      assert.deepEqual(ids(await store.instances.list(app.id)), [5, 4, 1]);
      assert.deepEqual(ids(await store.instances.list(app.id, 1)), [5]);
    });

    test('the last instance of each slot of the current release is kept, however old, and an old one-off is deleted', async () => {
      const app = await newApp();
      const [before, current] = [await newRelease(app), await newRelease(app)];
      await store.traffic.switchAllTo(app.id, current.id);
      const endedAt = new Date('2026-01-01T00:00:00Z');
      const ended = async (release: typeof current, slot: number, type = 'web') => {
        const { id } = await newInstance(app, release, slot, type);
        await store.instances.observe(id, { state: 'refused', endedAt });
        return id;
      };
      await ended(before, 1);
      await ended(current, 1);
      const [one, two] = [await ended(current, 1), await ended(current, 2)];
      await ended(current, 4711, 'run');
      const newest = await store.instances.listNewestOf(current.id);
      assert.deepEqual(
        newest.map(({ type, slot }) => `${type}.${slot}`),
        ['web.1', 'web.2', 'run.4711'],
      );
      await store.instances.prune(new Date(), 0);
      assert.deepEqual(
        (await store.instances.list(app.id)).map(({ id }) => id),
        [two, one],
      );
      assert.deepEqual(await store.instances.listNewestOf(before.id), []);
    });

    test('an instance of a service is kept beside those of releases, and does not keep old releases from being forgotten', async () => {
      const app = await newApp();
      const releases = [await newRelease(app), await newRelease(app), await newRelease(app)];
      for (const { id } of releases) await store.releases.setStatus(id, 'succeeded');
      const ofRelease = await newInstance(app, releases[2] ?? assert.fail());
      const workload = { kind: 'service', serviceId: 'service-1' } as const;
      const { appId, hostId, slot, size, command, notBefore, failures } = ofRelease;
      const placed = { appId, hostId, slot, size, command, notBefore, failures, workload, type: 'postgres' };
      const ofService = await store.instances.create(placed);
      assert.deepEqual(ofService.workload, workload);
      assert.deepEqual(await store.instances.find(ofService.id), ofService);
      assert.deepEqual(await store.instances.listActive(app.id), [ofRelease, ofService]);
      assert.deepEqual(ofRelease.workload, { kind: 'release', releaseId: releases[2]?.id });
      await store.releases.prune(app.id, 1);
      assert.deepEqual(
        (await store.releases.list(app.id)).map(({ version }) => version),
        [3],
      );
      await store.instances.observe(ofService.id, { state: 'refused', endedAt: new Date(0) });
      await store.instances.prune(new Date(), 0);
      assert.deepEqual(await store.instances.list(app.id), [ofRelease]);
    });

    test("a one-off's request is kept with its instance and deleted with it", async () => {
      const app = await newApp();
      const instance = await newInstance(app, await newRelease(app), 4711, 'run');
      const asked = { instanceId: instance.id, appId: app.id, attach: true, tty: true, columns: 132, rows: null };
      const { createdAt, deadline, ...kept } = await store.oneOffs.create({ ...asked, env: { A: 'ü' }, lifeMs: 5000 });
      assert.deepEqual(kept, { ...asked, env: { A: 'ü' } });
      assert.equal(deadline.getTime() - createdAt.getTime(), 5000);
      assert.deepEqual(await store.oneOffs.find(instance.id), { ...kept, createdAt, deadline });
      assert.equal(await store.oneOffs.find(randomUUID()), null);
      await store.instances.observe(instance.id, { state: 'refused', endedAt: new Date(0) });
      await store.instances.prune(new Date(), 0);
      assert.equal(await store.oneOffs.find(instance.id), null);
    });

    test('a one-off is overdue from its deadline until it is asked to stop or has ended', async () => {
      const app = await newApp();
      const release = await newRelease(app);
      const oneOff = async (lifeMs: number) => {
        const { id: instanceId } = await newInstance(app, release, lifeMs, 'run');
        const asked = { attach: false, tty: false, columns: null, rows: null, env: {} };
        return store.oneOffs.create({ ...asked, instanceId, appId: app.id, lifeMs });
      };
      const [long, short, asked, ended] = [await oneOff(9000), await oneOff(10), await oneOff(20), await oneOff(30)];
      await store.instances.desireStopped(asked.instanceId, 'stopped_by_user');
      await store.instances.observe(ended.instanceId, { state: 'refused' });
      const overdue = async (at: Date) => {
        const own = new Set([long, short, asked, ended].map(({ instanceId }) => instanceId));
        return (await store.oneOffs.listOverdue(at)).filter((id) => own.has(id));
      };
      assert.deepEqual(await overdue(new Date(short.deadline.getTime() - 1)), []);
      assert.deepEqual(await overdue(short.deadline), [short.instanceId]);
      assert.deepEqual(await overdue(long.deadline), [short.instanceId, long.instanceId]);
    });

    test('a hostname belongs to one app, and the error does not say to which one', async () => {
      const [one, two] = [await newApp(), await newApp()];
      const domain = await store.domains.create({ appId: one.id, hostname: 'www.example.com' });
      await assert.rejects(store.domains.create({ appId: two.id, hostname: 'www.example.com' }), (error: Error) => {
        assert.equal((error as Error & { code: string }).code, 'conflict');
        assert.ok(!error.message.includes(one.name) && !error.message.includes(one.id));
        return true;
      });
      assert.deepEqual(await store.domains.list(one.id), [domain]);
      await store.domains.remove(two.id, 'www.example.com');
      assert.deepEqual(await store.domains.list(one.id), [domain], 'another app cannot remove it');
      await store.domains.remove(one.id, 'www.example.com');
      assert.deepEqual(await store.domains.list(one.id), []);
    });

    test('a destroyed app leaves only its events', async () => {
      const app = await newApp();
      const release = await newRelease(app);
      const push = await store.pushes.create({
        appId: app.id,
        ref: 'refs/heads/main',
        oldCommit: null,
        newCommit: 'c1',
        accountId: owner.id,
      });
      const build = await store.builds.create({ appId: app.id, pushId: push.id, commit: 'c1', treeId: 't1' });
      const instance = await newInstance(app, release);
      await store.configVars.change(app.id, { A: '1' });
      await store.domains.create({ appId: app.id, hostname: 'gone.example.com' });
      await append(app.id, 'app.destroyed');
      await store.apps.remove(app.id);
      await store.apps.remove(app.id);
      assert.equal(await store.apps.find(app.id), null);
      assert.equal(await store.releases.find(release.id), null);
      assert.equal(await store.pushes.find(push.id), null);
      assert.equal(await store.builds.find(build.id), null);
      assert.equal(await store.instances.find(instance.id), null);
      assert.deepEqual(await store.configVars.get(app.id), {});
      assert.deepEqual(await store.domains.list(app.id), []);
      const events = await store.events.list({ appId: app.id, limit: 10 });
      assert.deepEqual(
        events.map(({ kind }) => kind),
        ['app.destroyed'],
      );
    });

    test('events are listed newest first, or oldest first after a given event', async () => {
      const app = await newApp();
      const made = [];
      for (let i = 0; i < 5; i++) made.push(await append(app.id, 'app.created'));
      assert.deepEqual(await store.events.list({ appId: app.id, limit: 2 }), [made[4], made[3]]);
      assert.deepEqual(await store.events.listAfter(made[1]?.seq ?? 0, 2), [made[2], made[3]]);
      assert.deepEqual(await store.events.listAfter(made[4]?.seq ?? 0, 2), []);
      assert.ok((await store.events.listAfter(0, 1000)).length >= 5);
    });

    test("an event of the platform itself is in the whole list and in no app's", async () => {
      const event = await append(null, 'app.created');
      assert.deepEqual((await store.events.list({ limit: 1 }))[0], event);
    });

    test('a setting has the value that was set last', async () => {
      assert.equal(await store.settings.get('platform.id'), null);
      await store.settings.set('platform.id', 'one');
      await store.settings.set('platform.id', 'two');
      assert.equal(await store.settings.get('platform.id'), 'two');
    });

    test('a row that refers to a missing row is refused', async () => {
      await assert.rejects(store.builds.create({ appId: randomUUID(), pushId: null, commit: 'c', treeId: 't' }), {
        code: 'conflict',
      });
      await assert.rejects(store.configVars.change(randomUUID(), { A: '1' }), { code: 'not_found' });
    });
  });
}
