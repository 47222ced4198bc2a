import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { test } from 'node:test';
import httpProxy from 'http-proxy';
import { eventually } from '../support/eventually.ts';
import { requestLines } from '../support/raw-requests.ts';
import { type Backend, exchangeBytes, startBackend, startRawBackend, startTestResolver } from '../support/resolver.ts';

const host = 'Host: shop.localhost\r\n';
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: shop.localhost\r\n\r\n';
const length = `Content-Length: ${smuggled.length}\r\n`;
const inChunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;

/** Accepts one backend connection after the other as raw bytes, and answers each once. */
async function startRecorder(): Promise<Backend & { readonly seen: string[] }> {
  const seen: string[] = [];
  const backend = await startRawBackend((socket) => {
    const at = seen.push('') - 1;
    socket.on('data', (chunk) => {
      if (seen[at] === '') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      seen[at] += chunk.toString('latin1');
    });
  });
  return { ...backend, seen };
}

/** Refused as soon as the head has been read. */
const refused: Readonly<Record<string, string>> = {
  CONNECT: `CONNECT shop.localhost:80 HTTP/1.1\r\n${host}\r\n${smuggled}`,
  'a length and chunks': `POST / HTTP/1.1\r\n${host}${length}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'chunks and a length': `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n${length}\r\n0\r\n\r\n${smuggled}`,
  'two lengths': `POST / HTTP/1.1\r\n${host}Content-Length: 0\r\n${length}\r\n${smuggled}`,
  'a list of lengths': `POST / HTTP/1.1\r\n${host}Content-Length: 0, ${smuggled.length}\r\n\r\n${smuggled}`,
  'a length with a sign': `POST / HTTP/1.1\r\n${host}Content-Length: +${smuggled.length}\r\n\r\n${smuggled}`,
  'a length in hexadecimal': `POST / HTTP/1.1\r\n${host}Content-Length: 0x0\r\n\r\n${smuggled}`,
  'a length with something behind it': `POST / HTTP/1.1\r\n${host}Content-Length: 0 ${smuggled.length}\r\n\r\n${smuggled}`,
  'a coding that is almost chunked': `POST / HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\n\r\n${inChunk}`,
  'chunked, but not last': `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked, identity\r\n\r\n${inChunk}`,
  'chunked twice': `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${inChunk}`,
  'a vertical tab before chunked': `POST / HTTP/1.1\r\n${host}Transfer-Encoding:\x0bchunked\r\n\r\n${inChunk}`,
  'a space before the colon': `POST / HTTP/1.1\r\n${host}Transfer-Encoding : chunked\r\n${length}\r\n${inChunk}`,
  'a space before the first field': `POST / HTTP/1.1\r\n Transfer-Encoding: chunked\r\n${host}${length}\r\n${smuggled}`,
  'a folded field': `POST / HTTP/1.1\r\n${host}X: a\r\n Transfer-Encoding: chunked\r\n${length}\r\n${smuggled}`,
  'line feeds only': `POST / HTTP/1.1\n${host.replace('\r', '')}Content-Length: 0\n\n${smuggled}`,
  'a carriage return inside a field': `POST / HTTP/1.1\r\n${host}X: a\rTransfer-Encoding: chunked\r\n${length}\r\n${smuggled}`,
  'a NUL inside a field': `POST / HTTP/1.1\r\n${host}X: a\0\r\n${length}\r\n${smuggled}`,
};

/** The head is valid, the body is not: the app may get this head, but never a second one. */
const brokenLater: Readonly<Record<string, string>> = {
  'a long chunk extension': `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(20_000)}\r\nx\r\n0\r\n\r\n`,
  'chunks that end with a line feed': `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n${smuggled}`,
  'a chunk longer than any number': `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(17)}1\r\n${inChunk}`,
  'a negative chunk': `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n-1\r\n${inChunk}`,
};

/** One request. What looks like another one is its body, or is dropped. */
const passed: Readonly<Record<string, string>> = {
  'chunks that DELETE should not have': `DELETE / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${inChunk}`,
  'chunks that GET should not have': `GET / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${inChunk}`,
  'a body that GET should not have': `GET / HTTP/1.1\r\n${host}${length}\r\n${smuggled}`,
  'a length named as for this connection only': `GET / HTTP/1.1\r\n${host}Connection: content-length\r\n${length}\r\n${smuggled}`,
  'chunks named as for this connection only': `DELETE / HTTP/1.1\r\n${host}Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n${inChunk}`,
  'chunks behind more fields than Node counts': `DELETE / HTTP/1.1\r\n${host}${'a:\r\n'.repeat(2_500)}Transfer-Encoding: chunked\r\n\r\n${inChunk}`,
  'a body on a request to switch protocols': `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n${length}\r\n${smuggled}`,
  'a switch to cleartext HTTP/2': `GET / HTTP/1.1\r\n${host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n${length}\r\n${smuggled}`,
  'a body behind a switch that the app refuses': `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n${smuggled}`,

  'a line break in the target': `GET /\r\nX: HTTP/1.1\r\n${host}\r\n`,
};

test('no request hides another one from the resolver', async (t) => {
  await using resolver = await startTestResolver({ lingerMs: 50 });
  const seenBy = async (bytes: string) => {
    await using backend = await startRecorder();
    await resolver.route('shop', [backend.port]);
    await exchangeBytes(resolver.port, bytes, 150);
    return backend.seen.flatMap(requestLines);
  };
  for (const [name, bytes] of Object.entries(refused)) {
    await t.test(`${name}: refused`, async () => assert.deepEqual(await seenBy(bytes), []));
  }
  for (const [name, bytes] of Object.entries(brokenLater)) {
    await t.test(`${name}: never a second request`, async () => {
      const lines = await seenBy(bytes);
      assert.ok(lines.length <= 1 && !lines.some((line) => line.includes('/smuggled')), JSON.stringify(lines));
    });
  }
  for (const [name, bytes] of Object.entries(passed)) {
    await t.test(`${name}: one request`, async () => {
      assert.deepEqual(await seenBy(bytes), [bytes.slice(0, bytes.indexOf(' ')).concat(' / HTTP/1.1')]);
    });
  }
});

const twoHosts: Readonly<Record<string, string>> = {
  'two Host fields': `GET / HTTP/1.1\r\n${host}Host: admin.localhost\r\n\r\n`,
  'the same Host twice': `GET / HTTP/1.1\r\n${host}${host}\r\n`,
  'no Host': 'GET / HTTP/1.1\r\n\r\n',
  'no Host in HTTP/1.0': 'GET / HTTP/1.0\r\n\r\n',
  'an empty Host': 'GET / HTTP/1.1\r\nHost:\r\n\r\n',
  'a Host with a user': 'GET / HTTP/1.1\r\nHost: shop.localhost@evil\r\n\r\n',
  'a Host with a path': 'GET / HTTP/1.1\r\nHost: a@b/../shop.localhost\r\n\r\n',
  'a list of Hosts': 'GET / HTTP/1.1\r\nHost: shop.localhost, admin.localhost\r\n\r\n',
  'a target that names another host': `GET http://admin.localhost/ HTTP/1.1\r\n${host}\r\n`,
  'a target that names another port': `GET http://shop.localhost:81/ HTTP/1.1\r\n${host}\r\n`,
  'a target with a user': `GET http://shop.localhost@admin.localhost/ HTTP/1.1\r\n${host}\r\n`,
  'a target of another scheme': `GET ftp://shop.localhost/ HTTP/1.1\r\n${host}\r\n`,
};

test('a request without one clear Host is refused', async (t) => {
  await using resolver = await startTestResolver({ lingerMs: 50 });
  await using backend = await startRecorder();
  await resolver.route('shop', [backend.port]);
  await resolver.route('admin', [backend.port]);
  for (const [name, bytes] of Object.entries(twoHosts)) {
    await t.test(name, async () => {
      const answer = await exchangeBytes(resolver.port, bytes, 2_000);
      assert.match(answer, /^HTTP\/1\.1 400 /);
      assert.match(answer, /\r\nConnection: close\r\n.*\(H26\)\n$/s);
      assert.deepEqual(backend.seen, []);
    });
  }
});

test('a request with an absolute URL reaches the app with its path only', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startRecorder();
  await resolver.route('shop', [backend.port]);
  await exchangeBytes(
    resolver.port,
    `GET http://SHOP.localhost/a?b=c HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
    2_000,
  );
  assert.deepEqual(backend.seen.flatMap(requestLines), ['GET /a?b=c HTTP/1.1']);
});

/** The common package for this job. The exploit on it documents why it is not used. */
async function startHttpProxy(target: number): Promise<Backend> {
  const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${target}` });
  proxy.on('error', () => {});
  const server = createServer((request, response) => proxy.web(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: new Set(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('http-proxy 1.18.1 lets a DELETE hide another request, so it is not used', async () => {
  await using backend = await startRecorder();
  await using proxy = await startHttpProxy(backend.port);
  const bytes = `DELETE / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${inChunk}`;
  await exchangeBytes(proxy.port, bytes, 300);
  assert.ok(backend.seen.flatMap(requestLines).includes('GET /smuggled HTTP/1.1'), JSON.stringify(backend.seen));
});

test('http-proxy 1.18.1 keeps connections of event streams whose readers left, so it is not used', async () => {
  await using backend = await startBackend((_incoming, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('data: hello\n\n');
  });
  await using proxy = await startHttpProxy(backend.port);
  const readers = Array.from({ length: 20 }, () => {
    const socket = connect(proxy.port, '127.0.0.1');
    socket.write(`GET / HTTP/1.1\r\n${host}\r\n`);
    return socket;
  });
  await Promise.all(readers.map((socket) => new Promise((resolve) => socket.once('data', resolve))));
  for (const socket of readers) socket.destroy();
  await assert.rejects(
    eventually('the app’s connections are closed', () => backend.connections.size === 0, { deadlineMs: 500 }),
  );
  assert.equal(backend.connections.size, 20);
});
