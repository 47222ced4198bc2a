import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, exchangeBytes, type HttpBackend, startBackend, startTestResolver } from '../support/resolver.ts';

/** Answers with the received headers: names and values as sent, in order. */
function startEcho(): Promise<HttpBackend> {
  return startBackend((incoming, response) => {
    incoming.resume();
    response.end(JSON.stringify({ line: `${incoming.method} ${incoming.url}`, raw: incoming.rawHeaders }));
  });
}

async function seen(port: number, headers: Readonly<Record<string, string>>): Promise<readonly (readonly string[])[]> {
  const { body } = await ask(port, { host: 'shop.localhost:8080', headers });
  const { raw } = JSON.parse(body) as { raw: string[] };
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? '']] : []));
}

function values(fields: readonly (readonly string[])[], name: string): readonly (string | undefined)[] {
  return fields.filter(([key]) => key?.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

test("the app gets the client's address, the hostname and the scheme", async () => {
  await using resolver = await startTestResolver();
  await using backend = await startEcho();
  await resolver.route('shop', [backend.port]);
  const before = Date.now();
  const fields = await seen(resolver.port, {});
  assert.deepEqual(values(fields, 'host'), ['shop.localhost:8080']);
  assert.deepEqual(values(fields, 'x-forwarded-for'), ['127.0.0.1']);
  assert.deepEqual(values(fields, 'x-forwarded-proto'), ['http']);
  assert.deepEqual(values(fields, 'x-forwarded-port'), ['8080']);
  assert.deepEqual(values(fields, 'x-forwarded-host'), ['shop.localhost:8080']);
  assert.deepEqual(values(fields, 'via'), ['1.1 paas']);
  const started = Number(values(fields, 'x-request-start')[0]);
  assert.ok(started >= before && started <= Date.now());
  assert.match(values(fields, 'x-request-id')[0] ?? '', /^[0-9a-f-]{36}$/);
});

test('a client cannot fake its address', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startEcho();
  await resolver.route('shop', [backend.port]);
  const forged = {
    'X-Forwarded-For': '6.6.6.6',
    x_forwarded_for: '6.6.6.6',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'evil',
    'X-Forwarded-Prefix': '/evil',
    'X-Forwarded-Client-Cert': 'evil',
    Forwarded: 'for=6.6.6.6',
    'X-Real-IP': '6.6.6.6',
    X_Real_Ip: '6.6.6.6',
    'X-Request-Start': '1',
  };
  const fields = await seen(resolver.port, forged);
  const text = JSON.stringify(fields);
  assert.doesNotMatch(text, /6\.6\.6\.6|evil|"https"/);
  assert.deepEqual(values(fields, 'x-forwarded-for'), ['127.0.0.1']);
  assert.notDeepEqual(values(fields, 'x-request-start'), ['1']);
});

test('a client cannot have our fields dropped by naming them in Connection', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startEcho();
  await resolver.route('shop', [backend.port]);
  const fields = await seen(resolver.port, { Connection: 'close, X-Forwarded-For, Host, X-Request-Id' });
  assert.deepEqual(values(fields, 'x-forwarded-for'), ['127.0.0.1']);
  assert.deepEqual(values(fields, 'host'), ['shop.localhost:8080']);
  assert.equal(values(fields, 'x-request-id').length, 1);
});

test('headers for a single connection are not passed on', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startEcho();
  await resolver.route('shop', [backend.port]);
  const fields = await seen(resolver.port, {
    Connection: 'close, X-Mine',
    'X-Mine': 'yes',
    'Keep-Alive': 'timeout=1',
    'Proxy-Connection': 'close',
    'Proxy-Authorization': 'Basic eDp5',
    TE: 'trailers',
    Upgrade: 'h2c',
    'X-Theirs': 'yes',
  });
  for (const name of ['x-mine', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'te', 'upgrade']) {
    assert.deepEqual(values(fields, name), [], name);
  }
  assert.deepEqual(values(fields, 'connection'), ['keep-alive']);
  assert.deepEqual(values(fields, 'x-theirs'), ['yes']);
});

test('a client’s request id is kept when valid, and replaced when not', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startEcho();
  await resolver.route('shop', [backend.port]);
  const own = 'abcdef0123456789-ABCDEF';
  assert.deepEqual(values(await seen(resolver.port, { 'X-Request-Id': own }), 'x-request-id'), [own]);
  for (const bad of ['short', 'x'.repeat(201), 'has spaces in it, and is long enough', '"><script>alert(1)</script>']) {
    const [id] = values(await seen(resolver.port, { 'X-Request-Id': bad }), 'x-request-id');
    assert.match(id ?? '', /^[0-9a-f-]{36}$/);
  }
});

test('header names keep their case and repeated headers stay separate, in both directions', async () => {
  await using resolver = await startTestResolver();
  let raw: readonly string[] = [];
  await using backend = await startBackend((incoming, response) => {
    raw = incoming.rawHeaders;
    response.writeHead(200, ['Set-Cookie', 'a=1', 'X-CaSe', 'kept', 'Set-Cookie', 'b=2', 'Content-Length', '0']);
    response.end();
  });
  await resolver.route('shop', [backend.port]);
  const text = await exchangeBytes(
    resolver.port,
    Buffer.from(
      'GET / HTTP/1.1\r\nHost: shop.localhost\r\nX-OwN: 1\r\nX-OwN: 2\r\nCookie: \xe9=1\r\nConnection: close\r\n\r\n',
      'latin1',
    ),
  );
  assert.deepEqual(raw.slice(2, 8), ['X-OwN', '1', 'X-OwN', '2', 'Cookie', '\xe9=1']);
  assert.match(text, /\r\nSet-Cookie: a=1\r\nX-CaSe: kept\r\nSet-Cookie: b=2\r\n/);
});

test('connection headers of an answer are not passed on', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => {
    response.writeHead(200, {
      Connection: 'close, X-Mine',
      'X-Mine': 'yes',
      'X-Theirs': 'yes',
      'Keep-Alive': 'timeout=7',
    });
    response.end();
  });
  await resolver.route('shop', [backend.port]);
  const { headers } = await ask(resolver.port, { headers: { Connection: 'keep-alive' } });
  assert.equal(headers['x-mine'], undefined);
  assert.equal(headers['x-theirs'], 'yes');
  assert.equal(headers.connection, 'keep-alive');
  assert.equal(headers['keep-alive'], 'timeout=75');
  assert.equal(headers.via, '1.1 paas');
});

test('a POST without a body is passed on without a body', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startEcho();
  await resolver.route('shop', [backend.port]);
  const bytes = 'POST /empty HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n';
  const text = await exchangeBytes(resolver.port, bytes);
  assert.match(text, /"Content-Length","0"/);
  assert.doesNotMatch(text, /"Transfer-Encoding"/i);
});

test('the resolver respects the Keep-Alive timeout of an app', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startEcho();
  // Node's server then sends `Keep-Alive: timeout=1`, and the resolver must not reuse a connection that old.
  backend.server.keepAliveTimeout = 1_000;
  await resolver.route('shop', [backend.port]);
  const ports = new Set<number | undefined>();
  backend.server.on('request', (incoming) => ports.add(incoming.socket.remotePort));
  for (let at = 0; at < 3; at += 1) {
    await ask(resolver.port);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(ports.size, 3);
});
