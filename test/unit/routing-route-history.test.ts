import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Route, routeVersion, termOfVersion } from '../../src/domain/route.ts';
import { RouteHistory } from '../../src/routing/route-history.ts';

const reserved = [{ hostname: 'api.localhost', address: '127.0.0.1', port: 1 }];

function route(appId: string, state: Route['state'] = 'blank'): Route {
  return { appId, appName: appId, rules: [{ hostname: `${appId}.localhost`, path: '/' }], state, targets: [] };
}

function historyOf(...appIds: readonly string[]): RouteHistory {
  const history = new RouteHistory(3, reserved);
  history.update({ put: appIds.map((appId) => route(appId)), drop: [] });
  return history;
}

function version(history: RouteHistory): number {
  assert.ok(history.version !== null);
  return history.version;
}

test('versions grow with the term and within it, and stay exact', () => {
  assert.ok(routeVersion(4, 0) > routeVersion(3, 2 ** 32 - 1));
  assert.equal(termOfVersion(routeVersion(7, 12)), 7);
  assert.equal(termOfVersion(routeVersion(2 ** 21 - 1, 2 ** 32 - 1)), 2 ** 21 - 1);
  assert.ok(Number.isSafeInteger(routeVersion(2 ** 21 - 1, 2 ** 32 - 1)));
});

test('there is no version before the first plan, and one after it even if the plan is empty', () => {
  const history = new RouteHistory(3, reserved);
  assert.equal(history.version, null);
  history.update({ put: [], drop: [] });
  assert.equal(termOfVersion(version(history)), 3);
  assert.deepEqual(history.table(), { version: version(history), routes: [], reserved });
});

test('a different plan is a new version, an equal one is not', () => {
  const history = historyOf('a', 'b');
  const first = version(history);
  history.update({ put: [route('a')], drop: ['unknown'] });
  assert.equal(history.version, first);
  history.update({ put: [route('a', 'live'), route('b')], drop: [] });
  assert.deepEqual(history.since(first), { from: first, version: first + 1, put: [route('a', 'live')], drop: [] });
});

test('several versions are sent as one change, with each app once and in its current state', () => {
  const history = historyOf('a', 'b', 'c');
  const first = version(history);
  history.update({ put: [route('a', 'live'), route('d')], drop: [] });
  history.update({ put: [route('a', 'crashed')], drop: ['b'] });
  history.update({ put: [], drop: ['d'] });
  const change = history.since(first);
  assert.deepEqual(change?.put, [route('a', 'crashed')]);
  assert.deepEqual(change?.drop.toSorted(), ['b', 'd']);
  assert.equal(change?.version, history.version);
});

test('a version of another history, or one too old, gets no change', () => {
  const history = historyOf('a');
  const first = version(history);
  for (const strange of [0, routeVersion(2, 1), first, first + 1]) assert.equal(history.since(strange), null);
  for (let at = 0; at < 2_001; at += 1) history.update({ put: [route('a', at % 2 === 0 ? 'live' : 'none')], drop: [] });
  assert.equal(history.since(first), null);
  assert.equal(history.since(version(history) - 1_000)?.put.length, 1);
});

test('the log exceeds a resolver with a later version of its term, but not one of a later term', () => {
  const history = historyOf('a');
  const first = version(history);
  history.exceed(routeVersion(2, 1_000));
  assert.equal(history.version, first);
  history.exceed(first + 41);
  assert.equal(history.version, first + 42);
  assert.deepEqual(history.since(first), { from: first, version: first + 42, put: [], drop: [] });
  assert.throws(() => history.exceed(routeVersion(4, 1)), { code: 'conflict', message: /follows term 4; .* has 3/ });
});
