import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Route, routeVersion, termOfVersion } from '../../src/domain/route.ts';
import { RouteLog } from '../../src/routing/route-log.ts';

const platform = [{ hostname: 'api.localhost', address: '127.0.0.1', port: 1 }];

function route(appId: string, state: Route['state'] = 'blank'): Route {
  return { appId, appName: appId, rules: [{ hostname: `${appId}.localhost`, path: '/' }], state, targets: [] };
}

function logOf(...appIds: readonly string[]): RouteLog {
  const log = new RouteLog(3, platform);
  log.record({ put: appIds.map((appId) => route(appId)), drop: [] });
  return log;
}

function version(log: RouteLog): number {
  assert.ok(log.version !== null);
  return log.version;
}

test('versions grow with the term and within it, and stay exact', () => {
  assert.ok(routeVersion(4, 0) > routeVersion(3, 2 ** 32 - 1));
  assert.equal(termOfVersion(routeVersion(7, 12)), 7);
  assert.equal(termOfVersion(routeVersion(2 ** 21 - 1, 2 ** 32 - 1)), 2 ** 21 - 1);
  assert.ok(Number.isSafeInteger(routeVersion(2 ** 21 - 1, 2 ** 32 - 1)));
});

test('there is nothing to tell before the first plan, and a version after it though it is empty', () => {
  const log = new RouteLog(3, platform);
  assert.equal(log.version, null);
  log.record({ put: [], drop: [] });
  assert.equal(termOfVersion(version(log)), 3);
  assert.deepEqual(log.table(), { version: version(log), routes: [], platform });
});

test('what differs is a new version, and what does not is none', () => {
  const log = logOf('a', 'b');
  const first = version(log);
  log.record({ put: [route('a')], drop: ['unknown'] });
  assert.equal(log.version, first);
  log.record({ put: [route('a', 'live'), route('b')], drop: [] });
  assert.deepEqual(log.since(first), { from: first, version: first + 1, put: [route('a', 'live')], drop: [] });
});

test('several versions are told as one change, each app once and as it is now', () => {
  const log = logOf('a', 'b', 'c');
  const first = version(log);
  log.record({ put: [route('a', 'live'), route('d')], drop: [] });
  log.record({ put: [route('a', 'crashed')], drop: ['b'] });
  log.record({ put: [], drop: ['d'] });
  const change = log.since(first);
  assert.deepEqual(change?.put, [route('a', 'crashed')]);
  assert.deepEqual(change?.drop.toSorted(), ['b', 'd']);
  assert.equal(change?.version, log.version);
});

test('a version that is not of this log, or too old to be remembered, is told no change', () => {
  const log = logOf('a');
  const first = version(log);
  for (const strange of [0, routeVersion(2, 1), first, first + 1]) assert.equal(log.since(strange), null);
  for (let at = 0; at < 2_001; at += 1) log.record({ put: [route('a', at % 2 === 0 ? 'live' : 'none')], drop: [] });
  assert.equal(log.since(first), null);
  assert.equal(log.since(version(log) - 1_000)?.put.length, 1);
});

test('a resolver with a later version of this term is exceeded, and one that follows a later term is not', () => {
  const log = logOf('a');
  const first = version(log);
  log.exceed(routeVersion(2, 1_000));
  assert.equal(log.version, first);
  log.exceed(first + 41);
  assert.equal(log.version, first + 42);
  assert.deepEqual(log.since(first), { from: first, version: first + 42, put: [], drop: [] });
  assert.throws(() => log.exceed(routeVersion(4, 1)), { code: 'conflict', message: /follows term 4; .* has 3/ });
});
