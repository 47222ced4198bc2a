import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { proxyV2 } from '../support/proxy-header.ts';
import { ask, type HttpBackend, startBackend, startTestResolver, type TestResolver } from '../support/resolver.ts';

/** All of 127.0.0.0/8 is this machine: one address stands for the front, others for strangers. */
const front = '127.0.0.2';
const farFront = '198.51.100.9';
const stranger = '127.0.0.3';
const trusted = [front, '198.51.100.0/24', '2001:db8:1::/48'];
const visitor = '203.0.113.7';

interface Told {
  readonly for: string;
  readonly proto: string;
  readonly port: string;
  readonly host: string;
}

interface Fixture extends AsyncDisposable {
  readonly resolver: TestResolver;
  readonly port: number;
}

/** An app that answers with the headers about its client. */
async function start(timing: Parameters<typeof startTestResolver>[0] = {}): Promise<Fixture> {
  const stack = new AsyncDisposableStack();
  const resolver = stack.use(await startTestResolver(timing, trusted));
  const backend: HttpBackend = await startBackend(({ headers, rawHeaders }, response) => {
    const told = (name: string) => String(headers[`x-forwarded-${name}`]);
    const all = { for: told('for'), proto: told('proto'), port: told('port'), host: told('host') };
    response.end(JSON.stringify({ ...all, names: rawHeaders.filter((_, at) => at % 2 === 0) }));
  });
  stack.use(backend);
  await resolver.route('shop', [backend.port]);
  return { resolver, port: resolver.port, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function told({ port }: Fixture, from: string, headers: Readonly<Record<string, string>>): Promise<Told> {
  return JSON.parse((await ask(port, { from, headers })).body);
}

test('an app that forces https works behind a front that ends TLS', async () => {
  await using resolver = await startTestResolver({}, trusted);
  await using backend = await startBackend(({ headers, url }, response) => {
    if (headers['x-forwarded-proto'] === 'https') response.end(`hello ${headers['x-forwarded-for']}`);
    else response.writeHead(301, { Location: `https://${headers.host}${url}` }).end();
  });
  await resolver.route('shop', [backend.port]);
  const headers = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': visitor };
  const { status, body } = await ask(resolver.port, { from: front, headers });
  assert.deepEqual([status, body], [200, `hello ${visitor}`]);
  assert.equal((await ask(resolver.port, { from: stranger, headers })).status, 301);
});

describe('the headers of a trusted front', () => {
  const own = { for: front, proto: 'http', port: '80', host: 'shop.localhost' };
  for (const [name, headers, expected] of [
    ['nothing', {}, {}],
    ['its client', { 'X-Forwarded-For': visitor }, { for: visitor }],
    ['its client, as IPv6', { 'X-Forwarded-For': '2001:db8::7' }, { for: '2001:db8::7' }],
    ['its client with a port', { 'X-Forwarded-For': `${visitor}:4711` }, { for: visitor }],
    ['its client with a port, as IPv6', { 'X-Forwarded-For': '[2001:db8::7]:4711' }, { for: '2001:db8::7' }],
    ['what its client made up', { 'X-Forwarded-For': `6.6.6.6, ${visitor}` }, { for: visitor }],
    ['a second front that is trusted', { 'X-Forwarded-For': `6.6.6.6, ${visitor}, ${farFront}` }, { for: visitor }],
    ['a second front that is not', { 'X-Forwarded-For': `6.6.6.6, ${visitor}, 192.0.2.1` }, { for: '192.0.2.1' }],
    ['trusted fronts only', { 'X-Forwarded-For': `2001:db8:1::5, ${farFront}` }, { for: '2001:db8:1::5' }],
    ['garbage', { 'X-Forwarded-For': 'unknown' }, {}],
    ['garbage before a front', { 'X-Forwarded-For': `${visitor}, <script>, ${farFront}` }, { for: farFront }],
    ['an empty list', { 'X-Forwarded-For': ' , ,' }, {}],
    ['https', { 'X-Forwarded-Proto': 'HTTPS' }, { proto: 'https', port: '443' }],
    ['a secure WebSocket', { 'X-Forwarded-Proto': 'wss' }, { proto: 'https', port: '443' }],
    ['no scheme that there is', { 'X-Forwarded-Proto': 'gopher' }, {}],
    [
      'a scheme for each hop',
      { 'X-Forwarded-For': `6.6.6.6, ${visitor}, ${farFront}`, 'X-Forwarded-Proto': 'http, https, http' },
      { for: visitor, proto: 'https', port: '443' },
    ],
    [
      'one scheme for all hops',
      { 'X-Forwarded-For': `${visitor}, ${farFront}`, 'X-Forwarded-Proto': 'https' },
      { for: visitor, proto: 'https', port: '443' },
    ],
    [
      'the port and the host',
      { 'X-Forwarded-Port': '8443', 'X-Forwarded-Host': 'www.example.com' },
      { port: '8443', host: 'www.example.com' },
    ],
    ['no port and no host that there are', { 'X-Forwarded-Port': '99999', 'X-Forwarded-Host': 'a/b' }, {}],
  ] as const) {
    test(name, async () => {
      await using fixture = await start();
      const { for: address, proto, port, host } = await told(fixture, front, headers);
      assert.deepEqual({ for: address, proto, port, host }, { ...own, ...expected });
    });
  }
});

test('are dropped from anybody else, and with underscores even from a front', async () => {
  await using fixture = await start();
  const forged = {
    'X-Forwarded-For': '6.6.6.6',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Port': '666',
    'X-Forwarded-Host': 'evil',
    Forwarded: 'for=6.6.6.6;proto=https',
    'X-Real-Ip': '6.6.6.6',
  };
  const underscored = Object.fromEntries(
    Object.entries(forged).map(([name, value]) => [name.replaceAll('-', '_'), value]),
  );
  for (const [from, headers] of [
    [stranger, forged],
    [stranger, underscored],
    [
      front,
      { X_Forwarded_For: '6.6.6.6', X_Forwarded_Proto: 'https', 'X-Forwarded_Host': 'evil', Forwarded: 'for=6.6.6.6' },
    ],
  ] as const) {
    const seen = JSON.parse((await ask(fixture.port, { from, headers })).body);
    assert.deepEqual([seen.for, seen.proto, seen.port, seen.host], [from, 'http', '80', 'shop.localhost']);
    const names: readonly string[] = seen.names.map((name: string) => name.toLowerCase());
    assert.deepEqual(
      names.filter((name) => /_|^forwarded$|real/.test(name)),
      [],
    );
    assert.equal(names.filter((name) => name === 'x-forwarded-for').length, 1);
  }
});

/** A connection for raw bytes. */
async function open(port: number, from = front): Promise<Socket & { text: string }> {
  const socket = Object.assign(connect({ host: '127.0.0.1', port, localAddress: from }), { text: '' });
  socket.setNoDelay(true);
  socket.on('error', () => {}).on('data', (chunk) => (socket.text += chunk.toString('latin1')));
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

const get = 'GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n';
const addressesIn = (text: string) =>
  [...text.matchAll(/"for":"([^"]*)","proto":"([^"]*)"/g)].map(([, a, b]) => [a, b]);

async function answersOn(socket: { readonly text: string }, count: number): Promise<readonly unknown[]> {
  await eventually(`${count} answers`, () => addressesIn(socket.text).length === count);
  return addressesIn(socket.text);
}

describe('the PROXY protocol of a trusted front', () => {
  for (const [name, header, expected] of [
    ['version 1', Buffer.from(`PROXY TCP4 ${visitor} 10.0.0.1 5000 80\r\n`), [visitor, 'http']],
    ['version 1, IPv6, port 443', Buffer.from('PROXY TCP6 2001:db8::7 ::1 5000 443\r\n'), ['2001:db8::7', 'https']],
    ['version 2', proxyV2({ address: visitor, port: 80 }), [visitor, 'http']],
    ['version 2 over TLS', proxyV2({ address: '2001:db8::7', port: 8080, tls: 1 }), ['2001:db8::7', 'https']],
    ['version 2, a check of its own', proxyV2({ address: visitor, port: 80, command: 0 }), [front, 'http']],
    ['version 1, a client that it does not know', Buffer.from('PROXY UNKNOWN\r\n'), [front, 'http']],
  ] as const) {
    test(`${name}: works in one packet with a request, byte by byte, and for every request of the connection`, async () => {
      await using fixture = await start();
      const whole = await open(fixture.port);
      whole.write(Buffer.concat([header, Buffer.from(get)]));
      assert.deepEqual(await answersOn(whole, 1), [expected]);
      whole.write(get + get);
      assert.deepEqual(await answersOn(whole, 3), [expected, expected, expected]);
      whole.destroy();

      const slow = await open(fixture.port);
      for (const byte of header) {
        slow.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      slow.write(get);
      assert.deepEqual(await answersOn(slow, 1), [expected]);
      slow.destroy();
    });
  }
});

test('drops the X-Forwarded headers of a client that the PROXY header names', async () => {
  await using fixture = await start();
  const socket = await open(fixture.port);
  const forged = 'X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n';
  socket.write(`PROXY TCP4 ${visitor} 10.0.0.1 5000 80\r\n${get.replace('\r\n\r\n', `\r\n${forged}\r\n`)}`);
  assert.deepEqual(await answersOn(socket, 1), [[visitor, 'http']]);
  socket.destroy();
  const chained = await open(fixture.port);
  const fields = `X-Forwarded-For: ${visitor}\r\nX-Forwarded-Proto: https\r\n`;
  chained.write(`PROXY TCP4 ${farFront} 10.0.0.1 5000 80\r\n${get.replace('\r\n\r\n', `\r\n${fields}\r\n`)}`);
  assert.deepEqual(await answersOn(chained, 1), [[visitor, 'https']]);
  chained.destroy();
});

test('closes the connection without an answer when the header is malformed or late', async () => {
  await using fixture = await start({ headersMs: 300 });
  for (const bytes of [
    `PROXY TCP4 nobody 10.0.0.1 5000 80\r\n${get}`,
    `PROXY ${'x'.repeat(200)}`,
    'PROXY TCP4 203.0.113.7',
    'P',
    '',
    proxyV2({ address: visitor, port: 80, version: 1 }),
    proxyV2({ address: visitor, port: 80 }).subarray(0, 20),
    proxyV2({ address: visitor, port: 80, body: Buffer.alloc(3) }),
  ]) {
    const socket = await open(fixture.port);
    socket.write(bytes);
    await eventually('it is closed', () => socket.closed);
    assert.equal(socket.text, '');
  }
  const leaving = await open(fixture.port);
  leaving.end('PROXY TCP4');
  await eventually('it is closed', () => leaving.closed);
});

test('takes a second header on a connection as an invalid request', async () => {
  await using fixture = await start();
  const socket = await open(fixture.port);
  const header = `PROXY TCP4 ${visitor} 10.0.0.1 5000 80\r\n`;
  socket.write(header + header + get);
  await eventually('it is closed', () => socket.closed);
  assert.match(socket.text, /^HTTP\/1\.1 400 /);
});

test('is a bad request from anybody else', async () => {
  await using fixture = await start();
  for (const header of [
    Buffer.from(`PROXY TCP4 ${visitor} 10.0.0.1 5000 80\r\n`),
    proxyV2({ address: visitor, port: 80 }),
  ]) {
    const socket = await open(fixture.port, stranger);
    socket.write(Buffer.concat([header, Buffer.from(get)]));
    await eventually('it is closed', () => socket.closed);
    assert.match(socket.text, /^HTTP\/1\.1 400 /);
    assert.doesNotMatch(socket.text, /203\.0\.113\.7/);
  }
});

test('is optional, even for requests that begin like a header', async () => {
  await using fixture = await start();
  const socket = await open(fixture.port);
  socket.write('P');
  await new Promise((resolve) => setImmediate(resolve));
  socket.write(get.replace('GET', 'OST').replace('\r\n\r\n', '\r\nContent-Length: 4\r\n\r\nbody'));
  assert.deepEqual(await answersOn(socket, 1), [[front, 'http']]);
  socket.write(get);
  await answersOn(socket, 2);
  socket.destroy();
});

test('works for a WebSocket’s connection', async () => {
  await using fixture = await start();
  await using backend = await startBackend(() => {});
  backend.server.on('upgrade', (request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.on('data', (chunk: Buffer) => socket.write(`${request.headers['x-forwarded-for']} says ${chunk}`));
    socket.on('error', () => {});
  });
  await fixture.resolver.route('shop', [backend.port]);
  const socket = await open(fixture.port);
  const upgrade = get.replace('\r\n\r\n', '\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  socket.write(`PROXY TCP4 ${visitor} 10.0.0.1 5000 443\r\n${upgrade}hello`);
  await eventually('it is joined', () => socket.text.includes(`${visitor} says hello`));
  socket.write('again');
  await eventually('it goes on', () => socket.text.includes(`${visitor} says again`));
  socket.destroy();
});

test('one client behind a front cannot use up the requests of the others', async () => {
  await using resolver = await startTestResolver({ connectionsPerClient: 3 }, trusted);
  const waiting: (() => void)[] = [];
  await using backend = await startBackend((_incoming, response) => waiting.push(() => response.end('served')));
  await resolver.route('shop', [backend.port]);
  const from = (client: string) => ask(resolver.port, { from: front, headers: { 'X-Forwarded-For': client } });
  const crowd = [visitor, visitor, visitor].map(from);
  await eventually('three are in flight', () => waiting.length === 3);
  assert.equal((await from(visitor)).status, 429);
  const other = from('203.0.113.8');
  await eventually('another client is served', () => waiting.length === 4);
  const unnamed = [farFront, farFront, farFront, farFront].map(from);
  await eventually('a front that names no client is not counted as one', () => waiting.length === 8);
  for (const answer of waiting.splice(0)) answer();
  for (const { status } of await Promise.all([...crowd, other, ...unnamed])) assert.equal(status, 200);
  const later = from(visitor);
  await eventually('there is room again', () => waiting.length === 1);
  waiting[0]?.();
  assert.equal((await later).status, 200);

  const named = [];
  for (let at = 0; at < 4; at += 1) {
    const socket = await open(resolver.port);
    socket.write(`PROXY TCP4 ${visitor} 10.0.0.1 5000 80\r\nGET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n`);
    await eventually('it is answered or closed', () => socket.text !== '' || socket.closed);
    named.push(socket);
  }
  assert.deepEqual(
    named.map(({ text }) => text.slice(0, 12)),
    ['HTTP/1.1 404', 'HTTP/1.1 404', 'HTTP/1.1 404', ''],
  );
  for (const socket of named) socket.destroy();
});

test('the line of a request in the app’s log has the client’s address and the scheme', async () => {
  await using fixture = await start();
  await told(fixture, front, { 'X-Forwarded-For': visitor, 'X-Forwarded-Proto': 'https' });
  await eventually('there is a line', () =>
    fixture.resolver.events.some(
      (event) => event.type === 'request_served' && /fwd="203\.0\.113\.7" .* protocol=https$/.test(event.text),
    ),
  );
});

test('a resolver that stops does not wait for a front’s unused connections', async () => {
  const fixture = await start({ headersMs: 3_600_000 });
  const socket = await open(fixture.port);
  socket.write('PROXY');
  await fixture[Symbol.asyncDispose]();
  await eventually('it is closed', () => socket.closed);
});
