import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import type { Instance } from '../../src/domain/instance.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import type { Release } from '../../src/domain/release.ts';
import type { RouteChange } from '../../src/domain/route.ts';
import type { Store } from '../../src/domain/store.ts';
import { startResolver } from '../../src/resolver/resolver.ts';
import { createResolverClient } from '../../src/routing/resolver-client.ts';
import { createRoutePublisher, type RoutePublisher } from '../../src/routing/route-publisher.ts';
import { openStore } from '../../src/store/store.ts';
import { type BreakableStore, breakable } from '../support/breakable-feed.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import { ask, startBackend, startTestResolver, type TestResolver } from '../support/resolver.ts';
import { storeFixture } from '../support/store-fixture.ts';

interface Fixture extends AsyncDisposable, Pick<BreakableStore, 'breakFeed' | 'mendFeed'> {
  readonly store: Store;
  readonly resolver: TestResolver;
  readonly publisher: RoutePublisher;
  newRelease(app: App): Promise<Release>;
  /** An instance that answers with the version of its release. */
  newUp(app: App, release: Release, port?: number): Promise<Instance>;
  newApp(): Promise<App>;
}

async function start(apiPort = 7080): Promise<Fixture> {
  const stack = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), 'paas-publisher-'));
  stack.defer(() => rm(home, { recursive: true, force: true }));
  const { store, breakFeed, mendFeed } = breakable(
    await openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') }),
  );
  stack.defer(() => store.close());
  const fixture = await storeFixture(store);
  const resolver = stack.use(await startTestResolver({ startingHoldMs: 50, refusedHoldMs: 50 }));
  const settings = { domain: 'localhost', apiPort };
  const publisher = createRoutePublisher({ store, clients: [resolver.client], term: 1, settings, settleMs: 1_000 });
  stack.defer(() => publisher.close());
  await publisher.start();

  const newRelease = async (app: App) => {
    const artifact = await store.artifacts.create({
      appId: app.id,
      imageId: `sha256:${'a'.repeat(64)}`,
      cacheKey: 'key',
      builder: 'buildpack',
      builderName: 'Node.js',
      processes: [{ type: 'web', command: 'node server.js', args: ['web'] }],
      launcher: '/launch',
      user: '1000:1000',
      init: null,
      exposedPorts: [],
      sizeBytes: 1,
    });
    const { id: accountId } = fixture.owner;
    const made = { appId: app.id, artifactId: artifact.id, cause: 'deploy', description: 'Deploy', accountId } as const;
    return store.releases.create({ ...made, config: {} });
  };
  return {
    store,
    breakFeed,
    mendFeed,
    resolver,
    publisher,
    newRelease,
    newApp: fixture.newApp,
    async newUp(app, release, known) {
      const own = known ? null : await startBackend((_incoming, response) => response.end(`v${release.version}`));
      stack.use(own);
      const port = known ?? own?.port ?? 0;
      const { id } = await fixture.newInstance(app, release);
      await store.instances.observe(id, { state: 'starting' });
      return store.instances.observe(id, { state: 'up', address: '127.0.0.1', port, upAt: new Date() });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function bodyOf({ resolver }: Fixture, app: App): Promise<string> {
  return (await ask(resolver.port, { host: `${app.name}.localhost`, headers: { Accept: 'application/json' } })).body;
}

test('when routes are settled, the next request goes where the store says', async () => {
  await using fixture = await start();
  const { store, publisher } = fixture;
  const app = await fixture.newApp();
  await publisher.settled(app.id);
  assert.match(await bodyOf(fixture, app), /H81/);

  const first = await fixture.newRelease(app);
  await store.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(4) });
  const old = await fixture.newUp(app, first);
  await store.traffic.switchAllTo(app.id, first.id);
  await publisher.settled(app.id);
  assert.equal(await bodyOf(fixture, app), `v${first.version}`);

  const second = await fixture.newRelease(app);
  await fixture.newUp(app, second);
  await publisher.settled(app.id);
  assert.equal(await bodyOf(fixture, app), `v${first.version}`, 'the new one is up and not yet the app’s');
  await store.traffic.switchAllTo(app.id, second.id);
  await publisher.settled(app.id);
  for (let at = 0; at < 3; at += 1) assert.equal(await bodyOf(fixture, app), `v${second.version}`);

  await store.instances.desireStopped(old.id, 'replaced');
  await publisher.drain(old, 1_000, AbortSignal.timeout(scaled(5_000)));
  const { targets } = await fixture.resolver.client.stats();
  assert.equal(targets.filter(({ instanceId, draining }) => instanceId === old.id && draining).length, 1);
});

test('requests are split between releases by their weights', async () => {
  await using fixture = await start();
  const { store, publisher } = fixture;
  const app = await fixture.newApp();
  const [first, second] = [await fixture.newRelease(app), await fixture.newRelease(app)];
  await store.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(4) });
  await fixture.newUp(app, first);
  await fixture.newUp(app, second);
  const counts = async () => {
    const bodies: string[] = [];
    for (let at = 0; at < 20; at += 1) bodies.push(await bodyOf(fixture, app));
    return [first, second].map(({ version }) => bodies.filter((body) => body === `v${version}`).length);
  };
  await store.traffic.split(app.id, { [first.id]: 3, [second.id]: 1 });
  await publisher.settled(app.id);
  assert.deepEqual(await counts(), [15, 5]);
  await store.traffic.split(app.id, { [first.id]: 1, [second.id]: 4 });
  await publisher.settled(app.id);
  assert.deepEqual(await counts(), [4, 16]);
  await store.traffic.switchAllTo(app.id, second.id);
  await publisher.settled(app.id);
  assert.deepEqual(await counts(), [0, 20]);
});

test('a change in the store reaches the resolver without a call', async () => {
  await using fixture = await start();
  const { store, resolver } = fixture;
  const app = await fixture.newApp();
  const status = async (host: string) => (await ask(resolver.port, { host })).status;
  await eventually('the app is known', async () => (await status(`${app.name}.localhost`)) === 503);
  assert.equal(await status('www.example.com'), 404);
  await store.domains.create({ appId: app.id, hostname: 'www.example.com' });
  await eventually('the domain is known', async () => (await status('www.example.com')) === 503);
  await store.apps.rename(app.id, 'renamed');
  await eventually('the new name is known', async () => (await status('renamed.localhost')) === 503);
  assert.equal(await status(`${app.name}.localhost`), 404);
  await store.apps.remove(app.id);
  await eventually('the app is gone', async () => (await status('renamed.localhost')) === 404);
});

test('a hundred changes at once are sent as a few updates', async () => {
  await using fixture = await start();
  const { store, publisher, resolver } = fixture;
  const app = await fixture.newApp();
  await publisher.settled(app.id);
  const before = (await resolver.client.table()).version;
  await Promise.all(
    Array.from({ length: 100 }, (_, at) => store.domains.create({ appId: app.id, hostname: `h${at}.example.com` })),
  );
  await publisher.settled(app.id);
  const { version } = await resolver.client.table();
  assert.ok(version > before && version - before < 60, `${version - before} tables`);
  assert.equal((await ask(resolver.port, { host: 'h99.example.com' })).status, 503);
});

test('changes that do not affect routes send nothing', async () => {
  await using fixture = await start();
  const { store, publisher, resolver } = fixture;
  const app = await fixture.newApp();
  await publisher.settled(app.id);
  // After the publisher noticed the resolver, which publishes once more.
  const { version } = await eventually('the tables have settled', async () => {
    const { version: first } = await resolver.client.table();
    await publisher.settled(app.id);
    const table = await resolver.client.table();
    return table.version === first ? table : null;
  });
  await store.formations.put({ appId: app.id, type: 'worker', quantity: 3, size: fixedSize(4) });
  await publisher.settled(app.id);
  assert.equal((await resolver.client.table()).version, version);
});

test('a restarted publisher continues the versions of the one before', async () => {
  await using fixture = await start();
  const { store, publisher, resolver } = fixture;
  const app = await fixture.newApp();
  await publisher.settled(app.id);
  await publisher.close();
  const before = (await resolver.client.table()).version;
  const settings = { domain: 'example.com', apiPort: 7080 };
  const next = createRoutePublisher({ store, clients: [resolver.client], term: 1, settings });
  await next.start();
  await next.settled(app.id);
  assert.ok((await resolver.client.table()).version > before);
  assert.equal((await ask(resolver.port, { host: `${app.name}.example.com` })).status, 503);
  await next.close();
});

test('a change of one app is sent alone, however many apps there are', async () => {
  await using fixture = await start();
  const { store, publisher, resolver } = fixture;
  const apps = [];
  for (let at = 0; at < 50; at += 1) apps.push(await fixture.newApp());
  const [app] = apps;
  assert.ok(app);
  await publisher.settled(app.id);
  const journal = () => readFile(join(resolver.home, 'routes.json'), 'utf8');
  await eventually('the table is saved', async () => (await journal()).includes(app.name));
  const lines = (await journal()).trim().split('\n').length;
  await store.domains.create({ appId: app.id, hostname: 'www.example.com' });
  await publisher.settled(app.id);
  const change = await eventually('the change is saved', async () => (await journal()).trim().split('\n')[lines]);
  assert.deepEqual(
    (JSON.parse(change) as RouteChange).put.map(({ appId }) => appId),
    [app.id],
  );
});

test('every resolver gets the routes, even one that connects later or lost them', async () => {
  await using stack = new AsyncDisposableStack();
  const fixture = stack.use(await start());
  const { store, resolver } = fixture;
  const other = stack.use(await startTestResolver());
  const settings = { domain: 'example.com', apiPort: 7080 };
  const late = createResolverClient(join(other.home, 'late.sock'), { patienceMs: 50 });
  const publisher = createRoutePublisher({ store, clients: [resolver.client, other.client, late], term: 2, settings });
  stack.defer(() => publisher.close());
  await publisher.start();
  const app = await fixture.newApp();
  // The third resolver is down and delays nobody.
  const host = `${app.name}.example.com`;
  await eventually('both have it', async () => {
    await publisher.settled(app.id);
    return (await ask(other.port, { host })).status === 503 && (await ask(resolver.port, { host })).status === 503;
  });

  const files = { controlSocket: join(other.home, 'late.sock'), snapshotPath: join(other.home, 'late.json') };
  const third = await startResolver({ bind: '127.0.0.1', httpPort: 0, ...files });
  stack.defer(() => third.close());
  await eventually('the third has it', async () => (await ask(third.address.port, { host })).status === 503);

  // Somebody removed its routes, so the next change does not fit the resolver's version.
  const { version } = await other.client.table();
  await other.client.publish({ version: version + 5, routes: [], reserved: [] });
  assert.equal((await ask(other.port, { host })).status, 404);
  await store.domains.create({ appId: app.id, hostname: 'www.example.org' });
  await publisher.settled(app.id);
  for (const { port } of [resolver, other, third.address]) {
    assert.equal((await ask(port, { host })).status, 503);
    assert.equal((await ask(port, { host: 'www.example.org' })).status, 503);
  }
});

test('draining waits for the requests in flight of every resolver', async () => {
  await using stack = new AsyncDisposableStack();
  const fixture = stack.use(await start());
  const { store, resolver } = fixture;
  const other = stack.use(await startTestResolver());
  const waiting: (() => void)[] = [];
  const backend = stack.use(await startBackend((_incoming, response) => waiting.push(() => response.end('ended'))));
  const settings = { domain: 'example.com', apiPort: 7080 };
  const clients = [resolver.client, other.client];
  const publisher = createRoutePublisher({ store, clients, term: 2, settings });
  stack.defer(() => publisher.close());
  await publisher.start();
  const app = await fixture.newApp();
  const release = await fixture.newRelease(app);
  const { id } = await fixture.newUp(app, release, backend.port);
  await store.traffic.switchAllTo(app.id, release.id);
  const host = `${app.name}.example.com`;
  await eventually('both route it', async () => {
    await publisher.settled(app.id);
    const tables = await Promise.all(clients.map((client) => client.stats()));
    return tables.every(({ targets }) => targets.some(({ instanceId }) => instanceId === id));
  });
  const asked = [resolver, other].map(({ port }) => ask(port, { host }));
  await eventually('a request is in flight through each', () => waiting.length === 2);
  await store.instances.desireStopped(id, 'replaced');
  const drained = publisher.drain({ id, appId: app.id }, scaled(10_000), AbortSignal.timeout(scaled(10_000)));
  waiting[0]?.();
  await Promise.race(asked);
  const first = await Promise.race([drained.then(() => 'drained'), new Promise((resolve) => setImmediate(resolve))]);
  assert.notEqual(first, 'drained');
  waiting[1]?.();
  await drained;
  assert.deepEqual(
    (await Promise.all(asked)).map(({ body }) => body),
    ['ended', 'ended'],
  );
});

test('without a resolver, waiting for routes fails with the next step, and a resolver that returns gets the table', async () => {
  const home = await mkdtemp(join(tmpdir(), 'paas-publisher-'));
  const store = await openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });
  const { newApp } = await storeFixture(store);
  const app = await newApp();
  const controlSocket = join(home, 'r.sock');
  const client = createResolverClient(controlSocket, { patienceMs: 50 });
  const settings = { domain: 'localhost', apiPort: 7080 };
  const publisher = createRoutePublisher({ store, clients: [client], term: 1, settings, settleMs: 150 });
  await publisher.start();
  await assert.rejects(publisher.settled(app.id), { code: 'unavailable', hint: 'See: paas doctor' });
  await publisher.drain({ id: 'i', appId: app.id }, 100, AbortSignal.timeout(scaled(5_000)));

  const options = { bind: '127.0.0.1', httpPort: 0, controlSocket, snapshotPath: join(home, 'routes.json') };
  for (const life of ['first', 'second']) {
    const resolver = await startResolver(options);
    await eventually(`the ${life} resolver knows the app`, async () => {
      return (await ask(resolver.address.port, { host: `${app.name}.localhost` })).status === 503;
    });
    await resolver.close();
    await rm(options.snapshotPath);
  }
  await publisher.close();
  await store.close();
  await rm(home, { recursive: true, force: true });
});

test('the API and git are reached by their hostnames', async () => {
  await using door = await startBackend((incoming, response) => response.end(`door ${incoming.headers.host}`));
  await using fixture = await start(door.port);
  const app = await fixture.newApp();
  await fixture.publisher.settled(app.id);
  for (const name of ['api', 'git', 'dashboard']) {
    const { body } = await ask(fixture.resolver.port, { host: `${name}.localhost` });
    assert.equal(body, `door ${name}.localhost`);
  }
});

test('a change that the change feed missed is published when the feed is back', async () => {
  await using fixture = await start();
  const { store, breakFeed, mendFeed } = fixture;
  const app = await fixture.newApp();
  await fixture.publisher.settled(app.id);
  breakFeed();
  const release = await fixture.newRelease(app);
  await store.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(4) });
  await fixture.newUp(app, release);
  await store.traffic.switchAllTo(app.id, release.id);
  mendFeed();
  await eventually('it is served', async () => (await bodyOf(fixture, app)) === 'v1');
});
