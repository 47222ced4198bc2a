import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cookieDomain } from '../../src/resolver/cookie-domain.ts';
import { CookieGuard } from '../../src/resolver/cookie-guard.ts';
import type { Destination } from '../../src/resolver/live-routes.ts';
import type { RequestHead } from '../../src/resolver/request-head.ts';
import { eventually } from '../support/eventually.ts';
import { ask, exchangeBytes, startRawBackend, startTestResolver } from '../support/resolver.ts';

test("a cookie's domain is the last one that is not empty, as clients compare it", () => {
  for (const [attributes, domain] of [
    ['', null],
    ['Path=/; Secure', null],
    ['Domain', null],
    ['Domain=', null],
    ['Domain=apps.example.com', 'apps.example.com'],
    ['domain = "Apps.Example.com."', 'apps.example.com'],
    [' DOMAIN\t=\t.Apps.Example.COM. ', 'apps.example.com'],
    ['Domain=apps.example.com; Domain=a.apps.example.com', 'a.apps.example.com'],
    ['Domain=a.apps.example.com; Path=/; domain=.example.com', 'example.com'],
    ['Domain=apps.example.com; Domain=', 'apps.example.com'],
    ['Domain=%61pps.example.com', 'apps.example.com'],
    ['Domain=\xef\xbd\x81pps.example.com', 'apps.example.com'],
    ['Comment=Domain=example.com', null],
  ] as const)
    assert.equal(cookieDomain(`a=Domain=no.example.com; ${attributes}`), domain, attributes);
});

function guardOf(domain: string) {
  const lines: string[] = [];
  const mine = { appId: 'a', name: 'a' } as Destination;
  const owners = new Map<string, Destination>([
    ['a.apps.example.com', mine],
    ['www.shop.example', mine],
    ['shop.example', mine],
    ['a.localhost', mine],
    ['b.apps.example.com', { ...mine, appId: 'b' }],
  ]);
  const guard = new CookieGuard({
    domain,
    routes: { find: (hostname) => owners.get(hostname) },
    requestEvents: { noticed: (_routed, text) => lines.push(text) },
  });
  const head = { authority: 'a.apps.example.com', requestId: 'r' } as RequestHead;
  const passes = (attribute: string, destination = mine) =>
    guard.pass(['X', 'y', 'sEt-CoOkIe', `n=v; ${attribute}`], head, { destination, target: null }).length === 4;
  return { passes, lines, mine };
}

test('a cookie for the platform’s domain or above is dropped, and one for a hostname of the app passes', () => {
  const { passes, lines, mine } = guardOf('apps.example.com');
  for (const domain of [
    'apps.example.com',
    '.example.com',
    'Apps.Example.com.',
    'com',
    '"apps.example.com"',
    '%61pps.example.com',
    'a.apps.example.com; Domain=example.com',
  ])
    assert.equal(passes(`Domain=${domain}`), false, domain);
  for (const attributes of [
    'Path=/',
    'Domain=a.apps.example.com',
    'Domain=.A.APPS.example.com',
    'Domain=www.shop.example',
    'Domain=shop.example',
    'Domain=apps.example.com; Domain=a.apps.example.com',
    'Domain=otherapps.example.com',
    'Domain=b.apps.example.com',
  ])
    assert.equal(passes(attributes), true, attributes);
  assert.equal(passes('Domain=apps.example.com', { ...mine, appId: null }), true, 'the platform itself');
  assert.equal(lines.length, 1, 'one line a minute');
  assert.match(
    lines[0] ?? '',
    /^at=warning desc="[^"]+" cookie="n" domain="apps\.example\.com" host=a\.apps\.example\.com/,
  );
  passes('Domain=example.com', { ...mine, appId: 'b' });
  assert.equal(lines.length, 2, 'each app has its line');
  assert.equal(guardOf('localhost').passes('Domain=localhost'), false);
});

test('the cookie is missing in what the client gets, also in an upgrade and in trailers, and the log has the reason', async () => {
  await using resolver = await startTestResolver();
  const cookies =
    'Set-Cookie: a=1; Domain=.LocalHost\r\nSet-Cookie: b=2; Domain=shop.localhost\r\nSet-Cookie: c=3\r\nset-cookie: d=4;\r\n domain=localhost\r\n';
  await using backend = await startRawBackend((socket) => {
    socket.once('data', (bytes) => {
      if (bytes.includes('Upgrade:'))
        socket.end(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n${cookies}\r\n`);
      else if (bytes.includes('/trailers'))
        socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${cookies}X: y\r\n\r\n`);
      else socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${cookies}\r\nok`);
    });
  });
  await resolver.route('shop', [backend.port]);
  const { headers, body } = await ask(resolver.port);
  assert.deepEqual([headers['set-cookie'], body], [['b=2; Domain=shop.localhost', 'c=3'], 'ok']);
  const get = (path: string, fields: string) =>
    exchangeBytes(resolver.port, `GET ${path} HTTP/1.1\r\nHost: shop.localhost\r\n${fields}\r\n`);
  const upgraded = await get('/', 'Upgrade: x\r\nConnection: Upgrade\r\n');
  assert.match(upgraded, /^HTTP\/1\.1 101 /);
  assert.deepEqual(upgraded.match(/[a-d]=\d/g), ['b=2', 'c=3']);
  const trailers = await get('/trailers', 'Connection: close\r\n');
  assert.doesNotMatch(trailers, /cookie/i);
  assert.match(trailers, /\r\n0\r\nX: y\r\n\r\n$/);
  await eventually('the log says it', () =>
    resolver.events.some((event) => event.type === 'request_served' && /domain="localhost"/.test(event.text)),
  );
});
