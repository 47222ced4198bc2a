import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Route } from '../../src/domain/route.ts';
import { type Destination, LiveRoutes } from '../../src/resolver/live-routes.ts';

function route(appId: string, instances: readonly string[], hostnames = [`${appId}.localhost`]): Route {
  const at = { hostId: 'local', name: 'web.1', release: 1, address: '127.0.0.1', port: 1, state: 'live' } as const;
  return {
    appId,
    appName: appId,
    rules: hostnames.map((hostname) => ({ hostname, path: '/' })),
    state: 'live',
    targets: instances.map((instanceId) => ({ instanceId, ...at })),
  };
}

function routesOf(routes: readonly Route[]): LiveRoutes {
  const live = new LiveRoutes();
  live.replace({ version: 1, routes, reserved: [{ hostname: 'api.localhost', address: '127.0.0.1', port: 1 }] });
  return live;
}

function ownerOf(routes: LiveRoutes, hostname: string): string | undefined {
  return routes.find(hostname, '/')?.name;
}

function destination(routes: LiveRoutes, hostname: string): Destination {
  const found = routes.find(hostname, '/');
  assert.ok(found);
  return found;
}

test('a change is applied to its own version only', () => {
  const routes = routesOf([route('a', ['a1']), route('b', ['b1'])]);
  const change = { version: 5, put: [route('c', ['c1'])], drop: ['a'] };
  for (const from of [2, 5, 6]) assert.equal(routes.change({ ...change, from }), false, `of version ${from}`);
  assert.equal(ownerOf(routes, 'a.localhost'), 'a');
  assert.equal(routes.change({ ...change, from: 1 }), true);
  assert.equal(routes.change({ ...change, from: 1 }), false, 'a second time');
  assert.deepEqual(
    ['a', 'b', 'c', 'api'].map((name) => ownerOf(routes, `${name}.localhost`)),
    [undefined, 'b', 'c', 'api.localhost'],
  );
  assert.deepEqual([routes.version, routes.routeCount], [5, 2]);
  assert.deepEqual(routes.table().routes, [route('b', ['b1']), route('c', ['c1'])]);
});

test('a hostname moves from one app to another in one change, in either order', () => {
  for (const order of [1, -1]) {
    const routes = routesOf([route('a', ['a1'], ['www.example.com']), route('b', ['b1'], [])]);
    const put = [route('a', ['a1'], []), route('b', ['b1'], ['www.example.com'])].toSorted(() => order);
    routes.change({ from: 1, version: 2, put, drop: [] });
    assert.equal(ownerOf(routes, 'www.example.com'), 'b');
  }
});

test('no app can take a hostname of the platform', () => {
  const routes = routesOf([route('0', [], ['api.localhost']), route('a', [], ['api.localhost'])]);
  assert.equal(destination(routes, 'api.localhost').appId, null);
});

test('unchanged routes keep their balancer, their instances and their requests in flight', () => {
  const routes = routesOf([route('a', ['one', 'two']), route('b', ['other'])]);
  const before = destination(routes, 'a.localhost');
  const untouched = destination(routes, 'b.localhost');
  const [one, two] = before.targets;
  two?.begin();
  routes.change({ from: 1, version: 2, put: [route('a', ['one', 'three'])], drop: [] });
  const after = destination(routes, 'a.localhost');
  assert.equal(after.balancer, before.balancer);
  assert.equal(after.targets[0], one);
  assert.equal(destination(routes, 'b.localhost'), untouched);
  assert.deepEqual([one?.draining, two?.draining], [false, true]);
  assert.equal(routes.targetCount, 5, 'a, a that finishes its request, b and the platform');
  two?.end();
  assert.equal(routes.targetCount, 4);
});

test('a new whole table keeps the routes that it shares with the one before', () => {
  const routes = routesOf([route('a', ['one']), route('b', ['other'])]);
  const before = destination(routes, 'a.localhost');
  assert.equal(routes.replace({ version: 1, routes: [], reserved: [] }), false);
  assert.equal(routes.replace({ version: 9, routes: [route('a', ['one'])], reserved: [] }), true);
  const after = destination(routes, 'a.localhost');
  assert.deepEqual([after.balancer, after.targets[0]], [before.balancer, before.targets[0]]);
  assert.deepEqual([ownerOf(routes, 'b.localhost'), ownerOf(routes, 'api.localhost')], [undefined, undefined]);
  assert.equal(routes.targetCount, 1);
});

test('only waiting requests of changed apps look again', () => {
  const routes = routesOf([route('a', []), route('b', []), route('c', [])]);
  const woken: string[] = [];
  const leave = ['a', 'b', 'c'].map((key) => routes.held.join(key, () => woken.push(key)));
  routes.change({ from: 1, version: 2, put: [route('a', ['a1'])], drop: ['c'] });
  assert.deepEqual(woken.toSorted(), ['a', 'c']);
  for (const each of leave) each?.();
});
