import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HostIndex, hostnameOf } from '../../src/resolver/route-table.ts';
import { cpuMsOf } from '../support/cpu-time.ts';

const index = new HostIndex([
  { hostname: 'shop.localhost', owner: 'shop' },
  { hostname: 'www.example.com', owner: 'www' },
  { hostname: '*.example.com', owner: 'wild' },
  { hostname: '*.deep.example.com', owner: 'deep' },
  { hostname: 'shop.localhost', owner: 'thief' },
]);

const expected: readonly (readonly [string, string | undefined])[] = [
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

for (const [hostname, owner] of expected) {
  test(`${JSON.stringify(hostname)} belongs to ${owner ?? 'nobody'}`, () => {
    assert.equal(index.find(hostname), owner);
  });
}

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

test('whatever is taken for a host has only characters of one', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const hostname = hostnameOf(text);
      assert.ok(hostname === null || /^[a-z0-9.-]{1,254}$/.test(hostname));
    }),
  );
});

test('finding one of 10,000 hostnames takes less than 50 microseconds', () => {
  const rules = Array.from({ length: 10_000 }, (_, at) => ({ hostname: `app-${at}.localhost`, owner: at }));
  const large = new HostIndex(rules);
  const tookMs = cpuMsOf(() => {
    for (let at = 0; at < 10_000; at += 1) assert.equal(large.find(`app-${at}.localhost`), at);
  });
  assert.ok(tookMs / 10_000 < 0.05, `${tookMs / 10_000} ms for each`);
});
