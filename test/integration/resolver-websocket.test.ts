import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually } from '../support/eventually.ts';
import {
  ask,
  deadPort,
  exchangeBytes,
  type HttpBackend,
  startBackend,
  startRawBackend,
  startTestResolver,
  type TestResolver,
} from '../support/resolver.ts';

async function startEcho(): Promise<HttpBackend & { readonly sockets: WebSocketServer }> {
  const backend = await startBackend((_incoming, response) => response.end('plain'));
  const sockets = new WebSocketServer({ server: backend.server });
  sockets.on('connection', (socket, request) => {
    socket.on('error', () => {});
    socket.send(`hello ${request.headers['x-forwarded-for']}`);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return { ...backend, sockets };
}

function open(resolver: TestResolver, options: { readonly perMessageDeflate?: boolean } = {}): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${resolver.port}/socket`, { headers: { Host: 'shop.localhost' }, ...options });
}

async function message(socket: WebSocket): Promise<string> {
  const [data] = await once(socket, 'message');
  return String(data);
}

const handshake =
  'GET /socket HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

test('a WebSocket carries messages both ways, small and large', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startEcho();
  await resolver.route('shop', [backend.port]);
  const socket = open(resolver, { perMessageDeflate: true });
  assert.equal(await message(socket), 'hello 127.0.0.1');
  for (const text of ['a', 'ä'.repeat(100), 'x'.repeat(300_000)]) {
    socket.send(text);
    assert.equal(await message(socket), text);
  }
  socket.close(1000);
  await once(socket, 'close');
  await eventually('nothing is in flight', async () => (await resolver.client.stats()).targets[0]?.tunnels === 0);
});

test('bytes that a client sends right behind its handshake arrive', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startEcho();
  await resolver.route('shop', [backend.port]);
  // One masked text frame "hi", in the same packet as the handshake.
  const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
  const text = await exchangeBytes(resolver.port, Buffer.concat([Buffer.from(handshake), frame]), 300);
  assert.match(text, /^HTTP\/1\.1 101 /);
  assert.ok(text.endsWith('\x81\x02hi'));
});

test('an app’s refusal of a WebSocket is passed on complete', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startRawBackend((socket) => {
    const body = 'x'.repeat(200_000);
    socket.once('data', () =>
      socket.end(`HTTP/1.1 403 Forbidden\r\nX-Why: no\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
    );
  });
  await resolver.route('shop', [backend.port]);
  const text = await exchangeBytes(resolver.port, handshake);
  assert.match(text, /^HTTP\/1\.1 403 Forbidden\r\nX-Why: no\r\n/);
  assert.match(text, /\r\nConnection: close\r\n/);
  assert.equal(text.split('\r\n\r\n')[1]?.length, 200_000);
});

test('a WebSocket to an unknown app gets an error page', async () => {
  await using resolver = await startTestResolver({ refusedHoldMs: 50, probeMs: 20, returnedMs: 0 });
  await resolver.route('shop', [await deadPort()]);
  assert.match(await exchangeBytes(resolver.port, handshake), /^HTTP\/1\.1 503 /);
  assert.match(await exchangeBytes(resolver.port, handshake.replace('shop', 'none')), /^HTTP\/1\.1 404 /);
  assert.match(await exchangeBytes(resolver.port, handshake.replace('Host:', 'Host: a\r\nHost:')), /^HTTP\/1\.1 400 /);
});

test('an app that resets the connection instead of answering fails only that request', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startRawBackend((socket) => socket.once('data', () => socket.resetAndDestroy()));
  await resolver.route('shop', [backend.port]);
  assert.match(await exchangeBytes(resolver.port, handshake), /^HTTP\/1\.1 503 /);
});

test('an app that resets an open WebSocket ends it for the client, without a close frame', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startRawBackend((socket) =>
    socket.once('data', () => {
      const frame = '\x81\x01a';
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${frame}`,
        'latin1',
      );
      setTimeout(() => socket.resetAndDestroy(), 50);
    }),
  );
  await resolver.route('shop', [backend.port]);
  const text = await exchangeBytes(resolver.port, handshake);
  assert.ok(text.endsWith('\r\n\r\n\x81\x01a'), JSON.stringify(text));
});

test('50 clients that reset their WebSockets leave no open connection', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startEcho();
  await resolver.route('shop', [backend.port]);
  const clients = Array.from({ length: 50 }, () => {
    const socket = connect(resolver.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(handshake);
    return socket;
  });
  await Promise.all(clients.map((socket) => once(socket, 'data')));
  await eventually('all are open', async () => (await resolver.client.stats()).targets[0]?.tunnels === 50);
  for (const socket of clients) socket.resetAndDestroy();
  await eventually('the app’s connections are closed', () => backend.connections.size === 0);
  assert.equal((await ask(resolver.port)).body, 'plain');
  const { targets, connections } = await resolver.client.stats();
  assert.equal(targets[0]?.tunnels, 0);
  assert.equal(connections, 0);
});

test('a silent WebSocket is closed after the idle timeout, and one that pings is not', async () => {
  await using resolver = await startTestResolver({ idleMs: 600 });
  await using backend = await startEcho();
  await resolver.route('shop', [backend.port]);
  const silent = open(resolver);
  const pinging = open(resolver);
  await Promise.all([message(silent), message(pinging)]);
  const timer = setInterval(() => pinging.ping(), 50);
  let pongs = 0;
  pinging.on('pong', () => {
    pongs += 1;
  });
  await once(silent, 'close');
  await eventually('the other one outlives the idle time twice', () => pongs >= 24);
  assert.equal(pinging.readyState, WebSocket.OPEN);
  clearInterval(timer);
  pinging.terminate();
});

test('a WebSocket goes on while its instance drains, and gets 1001 when the drain time is over', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startEcho();
  await resolver.route('shop', [backend.port]);
  const socket = open(resolver);
  await message(socket);
  const drained = resolver.client.drain([`shop-${backend.port}`], 300);
  socket.send('still there?');
  assert.equal(await message(socket), 'still there?');
  const [code] = await once(socket, 'close');
  assert.equal(code, 1001);
  assert.deepEqual(await drained, { requests: 0, tunnels: 1 });
});

test('a request to switch protocols behind an unanswered request ends the connection, not the resolver', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((incoming, response) => {
    if (incoming.url === '/fast') response.end('ok');
  });
  await resolver.route('shop', [backend.port]);
  await exchangeBytes(resolver.port, `GET /never HTTP/1.1\r\nHost: shop.localhost\r\n\r\n${handshake}`, 300);
  assert.equal((await ask(resolver.port, { path: '/fast' })).body, 'ok');
});
