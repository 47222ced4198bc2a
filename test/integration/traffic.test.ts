import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { releaseOf } from '../../src/domain/instance.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import type { Release } from '../../src/domain/release.ts';
import { currentRelease } from '../../src/operations/releases.ts';
import { Provisioner } from '../../src/provisioner/provisioner.ts';
import { openStore } from '../../src/store/store.ts';
import { systemClock } from '../../src/system/clock.ts';
import { createLocalLeases } from '../../src/system/local-leases.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { eventually } from '../support/eventually.ts';
import { type StoreFixture, storeFixture } from '../support/store-fixture.ts';

async function start(): Promise<StoreFixture & AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), 'paas-traffic-'));
  stack.defer(() => rm(home, { recursive: true, force: true }));
  const store = await openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });
  stack.defer(() => store.close());
  const provisioner = new Provisioner({ store, leases: createLocalLeases(), clock: systemClock, logger: silentLogger });
  stack.defer(() => provisioner.close());
  await provisioner.start();
  return { ...(await storeFixture(store)), [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** A release with a web process. */
async function release({ store, owner }: StoreFixture, app: App): Promise<Release> {
  const artifact = await store.artifacts.create({
    appId: app.id,
    imageId: 'sha256:1',
    cacheKey: 'key',
    builder: 'buildpack',
    builderName: 'test',
    processes: [{ type: 'web', command: 'web', args: ['web'] }],
    launcher: null,
    user: '1:1',
    init: null,
    exposedPorts: [],
    sizeBytes: 1,
  });
  const facts = { appId: app.id, artifactId: artifact.id, cause: 'deploy', description: 'Deploy' } as const;
  return store.releases.create({ ...facts, accountId: owner.id, config: {} });
}

test('each release with a share of the requests has all instances of the formation, and others have none', async () => {
  await using fixture = await start();
  const { store } = fixture;
  const app = await fixture.newApp();
  const [one, two] = [await release(fixture, app), await release(fixture, app)];
  await store.formations.put({ appId: app.id, type: 'web', quantity: 2, size: fixedSize(1) });
  const running = async () => {
    const active = await store.instances.listActive(app.id);
    return [one, two].map(({ id }) => active.filter((one) => releaseOf(one) === id && one.desired === 'up').length);
  };
  const runs = (count: readonly [number, number]) =>
    eventually(`${count} run`, async () => String(await running()) === String(count));
  await store.traffic.switchAllTo(app.id, one.id);
  await runs([2, 0]);
  await store.traffic.split(app.id, { [one.id]: 90, [two.id]: 10 });
  await runs([2, 2]);
  await store.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(1) });
  await runs([1, 1]);
});

test('a change that needs one current release is refused while requests are split', async () => {
  await using fixture = await start();
  const { store } = fixture;
  const app = await fixture.newApp();
  const [one, two] = [await release(fixture, app), await release(fixture, app)];
  assert.equal(await currentRelease(app, store), null);
  await store.traffic.split(app.id, { [one.id]: 1, [two.id]: 1 });
  await assert.rejects(currentRelease(app, store), {
    code: 'conflict',
    message: `The requests of ${app.name} are split between 2 releases.`,
  });
  await store.traffic.switchAllTo(app.id, two.id);
  assert.equal((await currentRelease(app, store))?.id, two.id);
});
