import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Route } from '../../src/domain/route.ts';
import { type Destination, Router } from '../../src/resolver/router.ts';

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

function routerOf(routes: readonly Route[]): Router {
  const router = new Router();
  router.replace({ version: 1, routes, platform: [{ hostname: 'api.localhost', address: '127.0.0.1', port: 1 }] });
  return router;
}

function ownerOf(router: Router, hostname: string): string | undefined {
  return router.find(hostname, '/')?.name;
}

function destination(router: Router, hostname: string): Destination {
  const found = router.find(hostname, '/');
  assert.ok(found);
  return found;
}

test('a change is made to the version that it is of, and to no other', () => {
  const router = routerOf([route('a', ['a1']), route('b', ['b1'])]);
  const change = { version: 5, put: [route('c', ['c1'])], drop: ['a'] };
  for (const from of [2, 5, 6]) assert.equal(router.change({ ...change, from }), false, `of version ${from}`);
  assert.equal(ownerOf(router, 'a.localhost'), 'a');
  assert.equal(router.change({ ...change, from: 1 }), true);
  assert.equal(router.change({ ...change, from: 1 }), false, 'a second time');
  assert.deepEqual(
    ['a', 'b', 'c', 'api'].map((name) => ownerOf(router, `${name}.localhost`)),
    [undefined, 'b', 'c', 'api.localhost'],
  );
  assert.deepEqual([router.version, router.routeCount], [5, 2]);
  assert.deepEqual(router.table().routes, [route('b', ['b1']), route('c', ['c1'])]);
});

test('a hostname moves from one app to another in one change, in either order', () => {
  for (const order of [1, -1]) {
    const router = routerOf([route('a', ['a1'], ['www.example.com']), route('b', ['b1'], [])]);
    const put = [route('a', ['a1'], []), route('b', ['b1'], ['www.example.com'])].toSorted(() => order);
    router.change({ from: 1, version: 2, put, drop: [] });
    assert.equal(ownerOf(router, 'www.example.com'), 'b');
  }
});

test('no app takes a hostname of the platform', () => {
  const router = routerOf([route('0', [], ['api.localhost']), route('a', [], ['api.localhost'])]);
  assert.equal(destination(router, 'api.localhost').appId, null);
});

test('what stays keeps its balancer, its instances and what is in flight on them', () => {
  const router = routerOf([route('a', ['one', 'two']), route('b', ['other'])]);
  const before = destination(router, 'a.localhost');
  const untouched = destination(router, 'b.localhost');
  const [one, two] = before.targets;
  two?.begin();
  router.change({ from: 1, version: 2, put: [route('a', ['one', 'three'])], drop: [] });
  const after = destination(router, 'a.localhost');
  assert.equal(after.balancer, before.balancer);
  assert.equal(after.targets[0], one);
  assert.equal(destination(router, 'b.localhost'), untouched);
  assert.deepEqual([one?.draining, two?.draining], [false, true]);
  assert.equal(router.targetCount, 5, 'a, a that finishes its request, b and the platform');
  two?.end();
  assert.equal(router.targetCount, 4);
});

test('a whole table keeps what it has in common with the one before', () => {
  const router = routerOf([route('a', ['one']), route('b', ['other'])]);
  const before = destination(router, 'a.localhost');
  assert.equal(router.replace({ version: 1, routes: [], platform: [] }), false);
  assert.equal(router.replace({ version: 9, routes: [route('a', ['one'])], platform: [] }), true);
  const after = destination(router, 'a.localhost');
  assert.deepEqual([after.balancer, after.targets[0]], [before.balancer, before.targets[0]]);
  assert.deepEqual([ownerOf(router, 'b.localhost'), ownerOf(router, 'api.localhost')], [undefined, undefined]);
  assert.equal(router.targetCount, 1);
});

test('only requests to apps that a change is of look again', () => {
  const router = routerOf([route('a', []), route('b', []), route('c', [])]);
  const woken: string[] = [];
  const leave = ['a', 'b', 'c'].map((key) => router.hold.join(key, () => woken.push(key)));
  router.change({ from: 1, version: 2, put: [route('a', ['a1'])], drop: ['c'] });
  assert.deepEqual(woken.toSorted(), ['a', 'c']);
  for (const each of leave) each?.();
});
