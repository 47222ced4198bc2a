import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { ask, type Backend, startBackend, startRawBackend, startTestResolver } from '../support/resolver.ts';

const count = 20_000;
const letters = Array.from({ length: count }, (_, at) => String.fromCharCode(97 + (at % 26)));
const text = letters.join('');

/** The bodies of the chunks in the text. The last one may be cut. */
function chunksOf(bytes: string): readonly string[] {
  const chunks: string[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.slice(at, end), 16);
    if (end === -1 || !(size > 0)) return chunks;
    chunks.push(bytes.slice(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

/** An app that keeps what it receives and answers when the body has come. */
async function startKeeper(): Promise<Backend & { received(): string; readonly sockets: readonly Socket[] }> {
  let received = '';
  const sockets: Socket[] = [];
  const backend = await startRawBackend((socket) => {
    sockets.push(socket);
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      if (received.endsWith('\r\n0\r\n\r\n')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  return { ...backend, sockets, received: () => received };
}

function open(port: number, first: string): Socket & { received: string } {
  const socket = Object.assign(connect(port, '127.0.0.1'), { received: '' });
  socket.on('data', (bytes) => {
    socket.received += bytes.toString('latin1');
  });
  socket.on('error', () => {});
  socket.write(first);
  return socket;
}

const post = 'POST / HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';
const get = 'GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n';

for (const [what, chunk] of [
  ['a byte', (letter: string) => `1\r\n${letter}\r\n`],
  ['a byte, with extensions', (letter: string) => `1;a=b;c="d"\r\n${letter}\r\n`],
] as const) {
  test(`a body in chunks of ${what} reaches the app in few chunks`, async () => {
    await using resolver = await startTestResolver();
    await using backend = await startKeeper();
    await resolver.route('shop', [backend.port]);
    const socket = open(resolver.port, `${post}${letters.map(chunk).join('')}0\r\n\r\n`);
    await once(socket, 'close');
    assert.match(socket.received, /^HTTP\/1\.1 200 OK\r\n/);
    const body = backend.received().slice(backend.received().indexOf('\r\n\r\n') + 4);
    const chunks = chunksOf(body);
    assert.equal(chunks.join(''), text);
    assert.ok(chunks.length < count / 50, `${chunks.length} chunks`);
  });
}

test('an answer in chunks of a byte reaches the client in few chunks, with its trailers', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startRawBackend((socket) => {
    socket.once('data', () => {
      const chunks = letters.map((letter, at) => (at % 2 ? `1\r\n${letter}\r\n` : `01 ;x=y\n${letter}\r\n`));
      socket.write(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\nX-Sum: abc\r\n\r\n`,
        'latin1',
      );
    });
  });
  await resolver.route('shop', [backend.port]);
  const socket = open(resolver.port, get);
  await once(socket, 'close');
  const chunks = chunksOf(socket.received.slice(socket.received.indexOf('\r\n\r\n') + 4));
  assert.equal(chunks.join(''), text);
  assert.ok(chunks.length < count / 50, `${chunks.length} chunks`);
  assert.ok(socket.received.endsWith('\r\n0\r\nX-Sum: abc\r\n\r\n'));
});

test('pieces of a body go at once while nothing waits: bytes of an upload, of an answer and of a WebSocket', async () => {
  await using resolver = await startTestResolver();
  const apps: Socket[] = [];
  let app = '';
  await using backend = await startRawBackend((socket) => {
    apps.push(socket);
    socket.on('data', (bytes) => {
      app += bytes.toString('latin1');
    });
  });
  await resolver.route('shop', [backend.port]);
  const upload = open(resolver.port, post);
  for (const letter of 'abc') {
    upload.write(`1\r\n${letter}\r\n`);
    await eventually(`the app has ${letter}`, () => app.endsWith(`1\r\n${letter}\r\n`));
  }
  apps[0]?.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
  await eventually('the head is here', () => upload.received.endsWith('\r\n\r\n'));
  for (const letter of 'abc') {
    apps[0]?.write(`1\r\n${letter}\r\n`);
    await eventually(`the client has ${letter}`, () => upload.received.endsWith(`1\r\n${letter}\r\n`));
  }
  upload.destroy();
  const upgrade = 'Upgrade: websocket\r\nConnection: Upgrade\r\n';
  const tunnel = open(resolver.port, `GET / HTTP/1.1\r\nHost: shop.localhost\r\n${upgrade}\r\n`);
  await eventually('the app is asked', () => apps.length === 2 && app.endsWith('\r\n\r\n'));
  apps[1]?.write(`HTTP/1.1 101 Switching Protocols\r\n${upgrade}\r\n`);
  await eventually('the protocol is switched', () => tunnel.received.endsWith('\r\n\r\n'));
  for (const letter of 'abc') {
    tunnel.write(letter);
    await eventually(`the app has ${letter}`, () => app.endsWith(letter));
    apps[1]?.write(letter);
    await eventually(`the client has ${letter}`, () => tunnel.received.endsWith(letter));
  }
  tunnel.destroy();
});

test('a tunnel passes on what was sent before an end, in both directions', async () => {
  await using resolver = await startTestResolver();
  let app = '';
  const size = 3_000_000;
  await using backend = await startRawBackend((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
      socket.on('data', (bytes) => {
        app += bytes.toString('latin1');
        if (app.length === size) socket.end('y'.repeat(size));
      });
    });
  });
  await resolver.route('shop', [backend.port]);
  const socket = open(
    resolver.port,
    'GET / HTTP/1.1\r\nHost: shop.localhost\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
  );
  await eventually('the protocol is switched', () => socket.received.endsWith('\r\n\r\n'));
  for (let at = 0; at < size; at += 1_000) socket.write('x'.repeat(1_000));
  await once(socket, 'close');
  assert.equal(app, 'x'.repeat(size));
  assert.equal(socket.received.slice(socket.received.indexOf('\r\n\r\n') + 4), 'y'.repeat(size));
});

test('clients that send a body in chunks of a byte delay no other', async () => {
  await using resolver = await startTestResolver();
  let received = 0;
  await using sink = await startRawBackend((socket) =>
    socket.on('data', ({ length }) => {
      received += length;
    }),
  );
  await using quick = await startBackend((_incoming, response) => response.end('ok'));
  await resolver.route('sink', [sink.port]);
  await resolver.route('shop', [quick.port]);
  const bytes = Buffer.from('1\r\na\r\n'.repeat(20_000));
  const senders = Array.from({ length: 4 }, () => {
    const socket = open(resolver.port, post.replace('shop', 'sink'));
    const send = () => {
      while (!socket.destroyed && socket.write(bytes));
    };
    socket.on('drain', send);
    send();
    return socket;
  });
  await eventually('the app gets them', () => sink.connections.size === 4);
  for (let at = 0; at < 20; at += 1) assert.equal((await ask(resolver.port)).body, 'ok');
  const before = received;
  await eventually('they go on in turn', () => received > before + 4 * 11_000);
  for (const socket of senders) socket.destroy();
});
