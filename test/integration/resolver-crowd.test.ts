import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { publicClient } from '../../src/resolver/client-connections.ts';
import { LiveRoutes } from '../../src/resolver/live-routes.ts';
import { createProxy } from '../../src/resolver/proxy.ts';
import { RequestEvents } from '../../src/resolver/request-events.ts';
import { defaultTiming } from '../../src/resolver/timing.ts';
import { TrustedProxies } from '../../src/resolver/trusted-proxies.ts';
import { eventually } from '../support/eventually.ts';

test('a client is an IPv4 address or an IPv6 network, and clients behind a proxy have no identity', () => {
  assert.equal(publicClient('203.0.113.9'), '203.0.113.9');
  assert.equal(publicClient('::ffff:203.0.113.9'), '203.0.113.9');
  assert.equal(publicClient('2001:db8::1'), '2001:db8:0:0');
  assert.equal(publicClient('2001:db8::2:3:4:5'), publicClient('2001:db8:0:0:9::'));
  assert.notEqual(publicClient('2001:db8:0:1::1'), publicClient('2001:db8::1'));
  for (const near of ['127.0.0.1', '::1', '10.1.2.3', '::ffff:172.17.0.1', '192.168.0.9', 'fd00::2', 'fe80::1%eth0']) {
    assert.equal(publicClient(near), null, near);
  }
  assert.equal(publicClient(undefined), null);
});

test('one client cannot use up all connections', async () => {
  const timing = { ...defaultTiming, connectionsPerClient: 3 };
  const proxies = new TrustedProxies([]);
  const deps = {
    routes: new LiveRoutes(timing),
    requestEvents: new RequestEvents(),
    timing,
    proxies,
    maxAnswerHeadBytes: 65_536,
    closing: false,
  };
  const proxy = createProxy(deps);
  const from: string[] = [];
  // Real connections, for which the resolver sees source addresses other than this machine's.
  const front = createServer((socket) => {
    Object.defineProperty(socket, 'remoteAddress', { value: from.shift() });
    proxy.emit('connection', socket);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const opened: Socket[] = [];
  const open = async (address: string): Promise<Socket & { answer: string }> => {
    from.push(address);
    const socket = Object.assign(connect((front.address() as AddressInfo).port, '127.0.0.1'), { answer: '' });
    opened.push(socket);
    socket.on('data', (chunk) => (socket.answer += chunk)).on('error', () => {});
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write('GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n');
    await eventually('it is answered or closed', () => socket.answer !== '' || socket.destroyed);
    return socket;
  };
  try {
    const crowd = [];
    for (let at = 0; at < 5; at++) crowd.push(await open('203.0.113.9'));
    assert.deepEqual(
      crowd.map(({ answer }) => answer.slice(0, 12)),
      ['HTTP/1.1 404', 'HTTP/1.1 404', 'HTTP/1.1 404', '', ''],
    );
    assert.match((await open('203.0.113.10')).answer, /^HTTP\/1\.1 404/, 'another client');
    for (let at = 0; at < 5; at++) assert.match((await open('10.0.0.1')).answer, /^HTTP\/1\.1 404/, 'a proxy in front');
    crowd[0]?.destroy();
    await eventually('one that is closed makes room', async () => (await open('203.0.113.9')).answer !== '');
  } finally {
    for (const socket of opened) socket.destroy();
    proxy.closeAllConnections();
    deps.routes.close();
    await new Promise((resolve) => front.close(resolve));
  }
});
