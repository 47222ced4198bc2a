import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { kernelQueues } from '../../src/resolver/kernel-queues.ts';
import { eventually } from '../support/eventually.ts';
import { type HttpBackend, startBackend, startTestResolver, type TestResolver } from '../support/resolver.ts';

const rate = { minBytesPerSecond: 500, slowAfterMs: 400, slowSweepMs: 20 };
const chunk = Buffer.alloc(65_536, 'x');

/** `/endless` sends as fast as it is read, `/events` two events with a pause in between. */
function startStreams(): Promise<HttpBackend> {
  return startBackend((incoming, response) => {
    if (incoming.url === '/events') {
      response.write('data: one\n\n');
      setTimeout(() => response.end('data: two\n\n'), 1_200);
      return;
    }
    const send = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', send);
    send();
  });
}

function open(resolver: TestResolver, path: string): Socket {
  const socket = connect(resolver.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: shop.localhost\r\n\r\n`);
  return socket;
}

const codesOf = ({ events }: TestResolver) =>
  events.flatMap((event) => (event.type === 'request_failed' ? [event.code] : []));

test('a client that reads nothing of an endless answer is cut, and gives back the connection of the instance', async () => {
  await using resolver = await startTestResolver(rate);
  await using backend = await startStreams();
  await resolver.route('shop', [backend.port]);
  const socket = open(resolver, '/endless').pause();
  await eventually('the app answers', () => backend.connections.size === 1);
  await eventually('the log says it', () => codesOf(resolver).includes('H28'));
  await eventually('the app’s connection is closed', () => backend.connections.size === 0);
  socket.destroy();
});

test('a client that reads on is not cut, nor is a silent event stream', async () => {
  await using resolver = await startTestResolver(rate);
  await using backend = await startStreams();
  await resolver.route('shop', [backend.port]);
  const reader = open(resolver, '/endless');
  const unread = open(resolver, '/endless').pause();
  let text = '';
  const events = open(resolver, '/events').on('data', (bytes) => {
    text += bytes;
  });
  reader.on('data', () => {
    reader.pause();
    setTimeout(() => reader.resume(), 10);
  });
  await eventually('the one that reads nothing is cut', () => codesOf(resolver).length === 1);
  await eventually('the second event is here', () => text.includes('data: two'));
  assert.deepEqual([codesOf(resolver), reader.destroyed], [['H28'], false]);
  for (const socket of [reader, unread, events]) socket.destroy();
});

test('without a minimum rate a client that reads nothing is cut for its silence', async () => {
  await using resolver = await startTestResolver({ minBytesPerSecond: 0, idleMs: 300 });
  await using backend = await startStreams();
  await resolver.route('shop', [backend.port]);
  const socket = open(resolver, '/endless').pause();
  await eventually('the log says it', () => codesOf(resolver).includes('H28'));
  socket.destroy();
});

test('a WebSocket whose client reads nothing is closed, though it sends', async () => {
  await using resolver = await startTestResolver(rate);
  await using backend = await startBackend(() => {});
  backend.server.on('upgrade', (_incoming, socket: Socket) => {
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    const send = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', send).resume();
    send();
  });
  await resolver.route('shop', [backend.port]);
  const socket = connect(resolver.port, '127.0.0.1').pause();
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: shop.localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  const timer = setInterval(() => socket.write('ping'), 20);
  await eventually('it is open', async () => (await resolver.client.stats()).targets[0]?.tunnels === 1);
  await eventually('it is closed', async () => (await resolver.client.stats()).targets[0]?.tunnels === 0);
  clearInterval(timer);
  socket.destroy();
});

test('the system says how much of what it took a client has not acknowledged', {
  skip: process.platform !== 'linux',
}, async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  const [socket] = (await once(server, 'connection')) as [Socket];
  while (socket.write(chunk) || socket.writableLength < 8_000_000);
  const queue = await eventually('something is queued', async () => (await kernelQueues())(socket) || null);
  assert.ok(queue <= socket.bytesWritten);
  client.resume();
  await eventually('the client has read all', async () => (await kernelQueues())(socket) === 0);
  for (const each of [client, socket]) each.destroy();
  server.close();
});
