import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Instance } from '../../src/domain/instance.ts';
import { type AppFacts, planReserved, planRoute } from '../../src/routing/route-plan.ts';
import { type Changes as InstanceChanges, upInstance } from '../support/instances.ts';

const now = new Date('2026-11-22T12:00:00Z');
const soon = new Date('2026-11-22T12:00:10Z');

const releases = new Map([
  ['v1', { version: 1, hasWeb: true }],
  ['v2', { version: 2, hasWeb: true }],
  ['v3', { version: 3, hasWeb: true }],
  ['configOnly', { version: 4, hasWeb: null }],
  ['workerOnly', { version: 5, hasWeb: false }],
]);

const instance = (changes: InstanceChanges) => upInstance(now, { appId: 'app', releaseId: 'v2', ...changes });

const coming = { state: 'starting', address: null, port: null } as const;

interface Changes extends Partial<Omit<AppFacts, 'app' | 'traffic'>>, Partial<AppFacts['app']> {
  /** Weights by release. */
  readonly weights?: Readonly<Record<string, number>>;
}

function route(web: readonly Instance[], changes: Changes = {}) {
  const { id = 'app', name = 'shop', weights = { v2: 1 }, maintenance = false, ...rest } = changes;
  const app = { id, name, maintenance };
  const traffic = Object.entries(weights).map(([releaseId, weight]) => ({ appId: id, releaseId, weight }));
  return planRoute({ app, hostnames: [], webQuantity: 1, web, traffic, releases, ...rest }, 'localhost', now);
}

function states(web: readonly Instance[], changes: Changes = {}): readonly string[] {
  const planned = route(web, changes);
  return [planned.state, ...planned.targets.map(({ release, state }) => `v${release} ${state}`)];
}

test('an app has its own hostname and those that were added', () => {
  assert.deepEqual(route([], { hostnames: ['www.example.com', '*.example.com'] }).rules, [
    { hostname: 'shop.localhost', path: '/' },
    { hostname: 'www.example.com', path: '/' },
    { hostname: '*.example.com', path: '/' },
  ]);
});

test('every instance of the current release that is up gets requests', () => {
  assert.deepEqual(states([instance({}), instance({ slot: 2 })]), ['live', 'v2 live', 'v2 live']);
  assert.deepEqual(route([instance({ id: 'one', slot: 3 })]).targets, [
    { instanceId: 'one', hostId: 'h', name: 'web.3', release: 2, address: '10.0.0.2', port: 5000, state: 'live' },
  ]);
});

test('during a roll-out the old instances serve, and the new ones get no requests yet', () => {
  assert.deepEqual(states([instance({ releaseId: 'v3' }), instance({})]), ['live', 'v2 live']);
});

test('after the switch the new instances serve and the old ones drain, even before their stop is requested', () => {
  const web = [instance({ releaseId: 'v3' }), instance({}), instance({ releaseId: 'v1', state: 'draining' })];
  assert.deepEqual(states(web, { weights: { v3: 1 } }), ['live', 'v3 live', 'v2 draining', 'v1 draining']);
});

test('with split traffic, instances of each release with a share get requests, and older ones drain', () => {
  const web = [instance({ releaseId: 'v3' }), instance({}), instance({ releaseId: 'v1' })];
  assert.deepEqual(states(web, { weights: { v2: 90, v3: 10 } }), ['live', 'v3 live', 'v2 live', 'v1 draining']);
  assert.deepEqual(route(web, { weights: { v3: 10, v2: 90 } }).weights, [
    { release: 2, weight: 90 },
    { release: 3, weight: 10 },
  ]);
  assert.equal(route(web).weights, undefined, 'one release gets all');
  assert.deepEqual(states([], { weights: { v2: 90, workerOnly: 10 } }), ['starting'], 'one of the two has web');
  assert.deepEqual(states([], { weights: { v2: 90, configOnly: 10 } }), ['starting']);
});

test('an instance that was asked to stop drains at once', () => {
  const web = [instance({}), instance({ desired: 'stopped', stopReason: 'scaled_down' })];
  assert.deepEqual(states(web), ['live', 'v2 live', 'v2 draining']);
});

test('an instance without an address gets no requests', () => {
  assert.deepEqual(states([instance({}), instance(coming)]), ['live', 'v2 live']);
});

test('an app without a deployed release is blank', () => {
  assert.deepEqual(states([], { weights: {} }), ['blank']);
  assert.deepEqual(states([], { weights: { configOnly: 1 } }), ['blank']);
});

test('an app in maintenance stays in maintenance, whatever runs', () => {
  assert.deepEqual(states([instance({})], { maintenance: true }), ['maintenance', 'v2 live']);
  assert.deepEqual(states([], { maintenance: true, weights: {} }), ['maintenance']);
});

test('an app whose first instance is being started is starting', () => {
  assert.deepEqual(states([instance(coming)]), ['starting']);
  assert.deepEqual(states([instance({ ...coming, state: 'placed' })]), ['starting']);
});

test('an app whose next start is delayed has crashed', () => {
  const delayed = instance({ ...coming, state: 'placed', notBefore: soon, failures: 6 });
  assert.deepEqual(states([delayed]), ['crashed']);
  assert.equal(route([delayed]).startsAtMs, soon.getTime());
  const later = instance({ ...coming, state: 'placed', slot: 2, notBefore: new Date(soon.getTime() + 1), failures: 7 });
  assert.equal(route([later, delayed]).startsAtMs, soon.getTime(), 'the first of them');
  assert.deepEqual(states([instance({ ...coming, state: 'starting', notBefore: soon, failures: 1 })]), ['starting']);
  assert.deepEqual(states([instance({ ...coming, state: 'placed', notBefore: now, failures: 1 })]), ['starting']);
});

test('after a crash the app is starting if the replacement starts now, else crashed', () => {
  const crashed = instance({ state: 'crashed', endedAt: now });
  assert.deepEqual(states([crashed]), ['starting']);
  assert.equal(route([crashed]).startsAtMs, undefined);
  assert.deepEqual(states([{ ...crashed, failures: 4 }]), ['starting']);
  assert.deepEqual(states([{ ...crashed, failures: 5 }]), ['crashed']);
  assert.equal(route([{ ...crashed, failures: 5 }]).startsAtMs, soon.getTime());
  assert.deepEqual(states([{ ...crashed, state: 'refused', failures: 8 }]), ['crashed']);
});

test('an app between two of its instances is starting', () => {
  assert.deepEqual(states([]), ['starting']);
  const stopped = instance({ state: 'stopped', desired: 'stopped', stopReason: 'restarted', endedAt: now });
  assert.deepEqual(states([stopped]), ['starting']);
});

test('an app whose formation has no web instance has none', () => {
  assert.deepEqual(states([], { webQuantity: 0 }), ['none']);
  assert.deepEqual(states([], { weights: { workerOnly: 1 } }), ['none']);
  const stopped = instance({ state: 'stopped', desired: 'stopped', stopReason: 'stopped_by_user', endedAt: now });
  assert.deepEqual(states([stopped]), ['none']);
});

test('while its last instance drains, a scaled-down app takes no new requests', () => {
  const last = instance({ desired: 'stopped', stopReason: 'scaled_down', state: 'draining' });
  assert.deepEqual(states([last], { webQuantity: 0 }), ['none', 'v2 draining']);
});

test('the platform’s hostnames lead to its own port', () => {
  assert.deepEqual(
    planReserved('example.com', 7080).map(({ hostname, address, port }) => `${hostname} ${address}:${port}`),
    ['api.example.com 127.0.0.1:7080', 'git.example.com 127.0.0.1:7080', 'dashboard.example.com 127.0.0.1:7080'],
  );
});
