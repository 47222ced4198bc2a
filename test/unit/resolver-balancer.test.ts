import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balancer } from '../../src/resolver/balancer.ts';
import { KeepAlive } from '../../src/resolver/keep-alive.ts';
import { Target } from '../../src/resolver/target.ts';
import { defaultTiming } from '../../src/resolver/timing.ts';

function target(name: string, release = 1): Target {
  const facts = {
    instanceId: name,
    hostId: 'local',
    name,
    release,
    address: '127.0.0.1',
    port: 1,
    state: 'live',
  } as const;
  return new Target(facts, new KeepAlive(), defaultTiming);
}

function three(): readonly [Target, Target, Target] {
  return [target('web.1'), target('web.2'), target('web.3')];
}

const ninetyTen = [
  { release: 1, weight: 90 },
  { release: 2, weight: 10 },
];

test('with split traffic each release gets its share, however many instances it has', () => {
  const targets = [target('web.1'), target('web.1', 2), target('web.2', 2), target('web.3', 2)];
  const balancer = new Balancer();
  balancer.split(ninetyTen);
  const chosen = Array.from({ length: 100 }, () => balancer.choose(targets, null, 0)?.release);
  assert.equal(chosen.filter((release) => release === 2).length, 10);
  assert.equal(chosen.slice(0, 10).filter((release) => release === 2).length, 1, 'spread, not in a row');
  balancer.split([]);
  const after = Array.from({ length: 100 }, () => balancer.choose(targets, null, 0)?.release);
  assert.equal(after.filter((release) => release === 2).length, 75, 'by instances again');
});

test('the share of a release without a usable instance goes to the others', () => {
  const [one, two] = [target('web.1'), target('web.1', 2)];
  const balancer = new Balancer();
  balancer.split(ninetyTen);
  const releases = (avoid: ReadonlySet<Target> | null) =>
    new Set(Array.from({ length: 20 }, () => balancer.choose([one, two], avoid, 0)?.release));
  assert.deepEqual(releases(new Set([one])), new Set([2]));
  assert.deepEqual(releases(new Set([one, two])).has(undefined), false);
  one.drain();
  assert.deepEqual(releases(null), new Set([2]));
});

test('idle instances are used in rotation', () => {
  const targets = three();
  const balancer = new Balancer();
  const chosen = Array.from({ length: 6 }, () => balancer.choose(targets, null, 0));
  assert.deepEqual(chosen.slice(0, 3).toSorted(byName), targets);
  assert.deepEqual(chosen.slice(3), chosen.slice(0, 3));
});

test('an instance that hangs gets no more requests than the others have in flight', () => {
  const targets = three();
  const [hung] = targets;
  hung.begin();
  const balancer = new Balancer();
  for (let at = 0; at < 100; at += 1) assert.notEqual(balancer.choose(targets, null, 0), hung);
});

test('an instance that refused a connection gets no requests for 5 s', () => {
  const targets = three();
  const [refusing] = targets;
  const balancer = new Balancer();
  refusing.refused(1_000);
  for (let at = 0; at < 10; at += 1) assert.notEqual(balancer.choose(targets, null, 5_999), refusing);
  const later = Array.from({ length: 3 }, () => balancer.choose(targets, null, 6_000));
  assert.ok(later.includes(refusing));
});

test('when all have refused, one request per 100 ms may try', () => {
  const targets = [target('web.1')];
  const balancer = new Balancer();
  targets[0]?.refused(1_000);
  assert.equal(balancer.choose(targets, null, 1_050), undefined);
  assert.equal(balancer.choose(targets, null, 1_100), targets[0]);
  assert.equal(balancer.choose(targets, null, 1_101), undefined);
  targets[0]?.connected();
  assert.equal(balancer.choose(targets, null, 1_102), targets[0]);
});

test('an instance that failed this request is tried again only when there is no other', () => {
  const [one, two] = three();
  const balancer = new Balancer();
  assert.equal(balancer.choose([one, two], new Set([one]), 0), two);
  assert.equal(balancer.choose([one], new Set([one]), 0), one);
});

test('an instance that drains gets no requests, even when it is the last', () => {
  const [one] = three();
  one.drain();
  assert.equal(new Balancer().choose([one], null, 0), undefined);
});

test('an app without instances has no target', () => {
  assert.equal(new Balancer().choose([], null, 0), undefined);
});

function byName(a: Target | undefined, b: Target | undefined): number {
  return (a?.name ?? '') < (b?.name ?? '') ? -1 : 1;
}
