import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RouteRule } from '../../src/domain/route.ts';
import { HostnameIndex, hostnameOf } from '../../src/resolver/hostname-index.ts';
import { cpuMsOf } from '../support/cpu-time.ts';

const root = (hostname: string) => ({ hostname, path: '/' });

function indexOf(claims: Readonly<Record<string, readonly RouteRule[]>>): HostnameIndex<string> {
  const index = new HostnameIndex<string>();
  for (const [key, rules] of Object.entries(claims)) index.put(key, key, rules);
  return index;
}

const hosts = indexOf({
  shop: [root('shop.localhost')],
  www: [root('www.example.com')],
  wild: [root('*.example.com')],
  deep: [root('*.deep.example.com')],
  thief: [root('shop.localhost')],
});

const ownersOfHosts: readonly (readonly [string, string | undefined])[] = [
  ['shop.localhost', 'shop'],
  ['www.example.com', 'www'],
  ['other.example.com', 'wild'],
  ['a.deep.example.com', 'deep'],
  ['example.com', undefined],
  ['a.b.example.com', undefined],
  ['shop.localhost.evil.com', undefined],
  ['evilshop.localhost', undefined],
  ['localhost', undefined],
  ['.example.com', undefined],
  ['', undefined],
  ['constructor', undefined],
  ['__proto__', undefined],
];

for (const [hostname, owner] of ownersOfHosts) {
  test(`${JSON.stringify(hostname)} belongs to ${owner ?? 'nobody'}`, () => {
    assert.equal(hosts.find(hostname, '/any?where'), owner);
  });
}

const paths = indexOf({
  site: [root('example.com')],
  docs: [{ hostname: 'example.com', path: '/docs' }],
  beta: [{ hostname: 'example.com', path: '/docs/v2' }],
  star: [root('*.example.com'), { hostname: '*.example.com', path: '/docs' }],
  api: [{ hostname: 'www.example.com', path: '/api' }],
});

const ownersOfUrls: readonly (readonly [string, string, string | undefined])[] = [
  ['example.com', '/', 'site'],
  ['example.com', '*', 'site'],
  ['example.com', '/docs', 'docs'],
  ['example.com', '/docs/', 'docs'],
  ['example.com', '/docs?page=2', 'docs'],
  ['example.com', '/docs/v1/intro', 'docs'],
  ['example.com', '/docs/v2', 'beta'],
  ['example.com', '/docs/v2/intro?x=/docs', 'beta'],
  ['example.com', '/docs/v20', 'docs'],
  ['example.com', '/docsets', 'site'],
  ['example.com', '/Docs', 'site'],
  ['example.com', '//docs', 'site'],
  ['example.com', '/%64ocs', 'site'],
  ['example.com', '/a/docs', 'site'],
  ['example.com', '/?/docs', 'site'],
  ['a.example.com', '/docs/x', 'star'],
  ['www.example.com', '/api/x', 'api'],
  ['www.example.com', '/apis', 'star'],
  ['www.example.org', '/api', undefined],
];

for (const [hostname, path, owner] of ownersOfUrls) {
  test(`${hostname}${path} belongs to ${owner ?? 'nobody'}`, () => {
    assert.equal(paths.find(hostname, path), owner);
  });
}

test('of two apps that claim one URL the same one gets it in either order, and the other one when it goes', () => {
  const rules = [{ hostname: 'example.com', path: '/docs' }, root('example.com'), root('*.example.com')];
  for (const order of [
    ['a', 'b', 'c'],
    ['c', 'b', 'a'],
    ['b', 'c', 'a'],
  ]) {
    const index = new HostnameIndex<string>();
    for (const key of order) index.put(key, key, rules);
    for (const owner of ['a', 'b', 'c', undefined]) {
      assert.equal(index.find('example.com', '/docs/x'), owner);
      assert.equal(index.find('example.com', '/x'), owner);
      assert.equal(index.find('www.example.com', '/x'), owner);
      index.drop(owner ?? '');
    }
  }
});

test('an app gets only the URLs that it claims', () => {
  const index = indexOf({ a: [root('a.com'), root('a.com'), root('*.a.com')], b: [root('b.com')] });
  index.put('a', 'changed', [root('b.com'), root('c.com')]);
  const owners = ['a.com', 'www.a.com', 'b.com', 'c.com'].map((hostname) => index.find(hostname, '/'));
  assert.deepEqual(owners, [undefined, undefined, 'changed', 'changed']);
  index.put('a', 'none', []);
  assert.equal(index.find('c.com', '/'), undefined);
  assert.equal(index.find('b.com', '/'), 'b');
});

test('after any changes the index answers like a new one', () => {
  const rule = fc.record({
    hostname: fc.constantFrom('a.x.com', 'b.x.com', '*.x.com'),
    path: fc.constantFrom('/', '/p', '/p/q'),
  });
  const change = fc.tuple(fc.constantFrom('one', 'two', 'three'), fc.array(rule, { maxLength: 4 }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const index = new HostnameIndex<string>();
      const claims: Record<string, readonly RouteRule[]> = {};
      for (const [key, rules] of changes) {
        index.put(key, key, rules);
        claims[key] = rules;
      }
      const anew = indexOf(claims);
      for (const hostname of ['a.x.com', 'b.x.com', 'c.x.com'])
        for (const path of ['/', '/p', '/p/q', '/q'])
          assert.equal(index.find(hostname, path), anew.find(hostname, path), hostname + path);
    }),
  );
});

test('a host is compared in lower case, without its port and without the final dot', () => {
  assert.equal(hostnameOf('Shop.LOCALHOST:8080'), 'shop.localhost');
  assert.equal(hostnameOf('shop.localhost.'), 'shop.localhost');
  assert.equal(hostnameOf('127.0.0.1:80'), '127.0.0.1');
});

for (const malformed of [
  '',
  '.',
  ':80',
  'a@b',
  'a/b',
  'a b',
  'a:b',
  'a:80:80',
  '[::1]:80',
  'a,b',
  'münchen.de',
  'a\n',
  'a_b.c',
]) {
  test(`${JSON.stringify(malformed)} is no host`, () => {
    assert.equal(hostnameOf(malformed), null);
  });
}

test('an accepted hostname has only valid characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const hostname = hostnameOf(text);
      assert.ok(hostname === null || /^[a-z0-9.-]{1,254}$/.test(hostname));
    }),
  );
});

test('finding one of 10,000 hostnames takes less than 50 microseconds', () => {
  const large = new HostnameIndex<number>();
  for (let at = 0; at < 10_000; at += 1) large.put(`app-${at}`, at, [root(`app-${at}.localhost`)]);
  const tookMs = cpuMsOf(() => {
    for (let at = 0; at < 10_000; at += 1) assert.equal(large.find(`app-${at}.localhost`, '/'), at);
  });
  assert.ok(tookMs / 10_000 < 0.05, `${tookMs / 10_000} ms for each`);
});
