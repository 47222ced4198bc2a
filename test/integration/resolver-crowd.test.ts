import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import type { Route } from '../../src/domain/route.ts';
import { eventually } from '../support/eventually.ts';
import { ask, namedTarget, startBackend, startTestResolver, type TestResolver } from '../support/resolver.ts';

const get = 'GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n';

/** Connections from chosen addresses of this machine, closed at the end. */
function crowd(port: number) {
  const sockets: (Socket & { answer: string })[] = [];
  return {
    sockets,
    open(from: string, bytes = ''): Socket & { answer: string } {
      const socket = Object.assign(connect({ host: '127.0.0.1', port, localAddress: from }), { answer: '' });
      sockets.push(socket);
      socket.on('data', (chunk) => (socket.answer += chunk)).on('error', () => {});
      if (bytes !== '') socket.write(bytes);
      return socket;
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

const isOver = ({ answer, closed }: Socket & { answer: string }) => answer !== '' || closed;

async function refusals(resolver: TestResolver, code: string, count = 1): Promise<readonly string[]> {
  const lines = () =>
    resolver.events.flatMap((event) => (event.type === 'request_failed' && event.code === code ? [event.text] : []));
  await eventually(`there is a line with ${code}`, () => lines().length >= count);
  return lines();
}

test('one client cannot use up all connections, whatever its address is', async () => {
  await using resolver = await startTestResolver({ connectionsPerClient: 3 });
  using clients = crowd(resolver.port);
  for (const address of ['127.0.0.1', '127.0.0.7']) {
    const opened: ReturnType<typeof clients.open>[] = [];
    for (let at = 0; at < 5; at += 1) {
      opened.push(clients.open(address, get));
      await eventually('it is answered or closed', () => opened.every(isOver));
    }
    assert.deepEqual(
      opened.map(({ answer }) => answer.slice(0, 12)),
      ['HTTP/1.1 404', 'HTTP/1.1 404', 'HTTP/1.1 404', '', ''],
    );
    opened[0]?.destroy();
    await eventually('one that is closed makes room', async () => {
      const next = clients.open(address, get);
      await eventually('it is answered or closed', () => isOver(next));
      return next.answer !== '';
    });
  }
});

test('requests in flight are limited for an instance (H11), an app (H22) and a client (429), and named in the log', async () => {
  await using resolver = await startTestResolver({
    requestsPerInstance: 3,
    requestsPerApp: 5,
    requestsPerClient: 2,
  });
  const waiting: ServerResponse[] = [];
  const hangs = () => startBackend((_incoming, response) => waiting.push(response));
  await using one = await hangs();
  await using two = await hangs();
  await resolver.route('shop', [one.port]);
  const from = (last: number) =>
    ask(resolver.port, { from: `127.0.0.${last}`, headers: { Accept: 'application/json' } });
  const served = [from(2), from(2)];
  await eventually('two are in flight', () => waiting.length === 2);
  const client = await from(2);
  assert.deepEqual([client.status, client.headers['retry-after']], [429, '1']);
  assert.match(client.body, /Too many requests from your address/);
  served.push(from(3));
  await eventually('three are in flight', () => waiting.length === 3);
  const instance = await from(3);
  assert.deepEqual([instance.status, JSON.parse(instance.body).id], [503, 'H11']);
  await resolver.route('shop', [one.port, two.port]);
  served.push(from(3), from(4));
  await eventually('five are in flight', () => waiting.length === 5);
  const app = await from(4);
  assert.deepEqual([app.status, JSON.parse(app.body).id], [503, 'H22']);
  const lines = await refusals(resolver, 'H22', 2);
  assert.match(
    lines[0] ?? '',
    /desc="Connection limit reached" rule="2 requests of one client in flight \(PAAS_CLIENT_REQUESTS\)" .* status=429 /,
  );
  assert.match(lines[1] ?? '', /rule="5 requests of one app in flight \(PAAS_APP_REQUESTS\)" .* status=503 /);
  assert.match((await refusals(resolver, 'H11'))[0] ?? '', /desc="Backlog too deep" /);
  for (const response of waiting) response.end('served');
  for (const { status } of await Promise.all(served)) assert.equal(status, 200);
  waiting.length = 0;
  const again = from(2);
  await eventually('there is room again', () => waiting.length === 1);
  waiting[0]?.end();
  assert.equal((await again).status, 200);
});

test('an instance that is full leaves its requests to the others', async () => {
  await using resolver = await startTestResolver({ requestsPerInstance: 1 });
  const waiting: ServerResponse[] = [];
  await using one = await startBackend((_incoming, response) => waiting.push(response));
  await using two = await startBackend((_incoming, response) => response.end('two'));
  await resolver.route('shop', [one.port]);
  const first = ask(resolver.port);
  await eventually('one is full', () => waiting.length === 1);
  await resolver.route('shop', [one.port, two.port]);
  for (let at = 0; at < 4; at += 1) assert.equal((await ask(resolver.port)).body, 'two');
  waiting[0]?.end('one');
  assert.equal((await first).body, 'one');
});

test('an upgrade counts for the app as long as it lasts', async () => {
  await using resolver = await startTestResolver({ requestsPerApp: 1 });
  await using backend = await startBackend((_incoming, response) => response.end('served'));
  backend.server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket
      .on('error', () => {})
      .on('end', () => socket.end())
      .resume();
  });
  await resolver.route('shop', [backend.port]);
  using clients = crowd(resolver.port);
  const upgrade = get.replace('\r\n\r\n', '\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  const joined = clients.open('127.0.0.2', upgrade);
  await eventually('it is joined', () => joined.answer.includes('101 Switching'));
  assert.equal((await ask(resolver.port)).status, 503);
  const second = clients.open('127.0.0.2', upgrade);
  await eventually('another one is refused', () => second.answer.startsWith('HTTP/1.1 503 ') && second.closed);
  joined.destroy();
  await eventually('there is room again', async () => (await ask(resolver.port)).status === 200);
});

test('whatever apps and strangers hold, the API, git and this machine are answered', async () => {
  const connections = 128;
  await using resolver = await startTestResolver({ connections, headersMs: 60_000 });
  const waiting: ServerResponse[] = [];
  await using hanging = await startBackend((_incoming, response) => waiting.push(response));
  await using api = await startBackend((incoming, response) => {
    if (incoming.url === '/') response.end('the API');
  });
  const route: Route = {
    appId: 'shop',
    appName: 'shop',
    rules: [{ hostname: 'shop.localhost', path: '/' }],
    state: 'live',
    targets: [namedTarget(hanging, 'shop-1')],
  };
  const reserved = ['api.localhost', 'git.localhost'].map((hostname) => {
    return { hostname, address: '127.0.0.1', port: api.port };
  });
  await resolver.client.publish({ version: 1, routes: [route], reserved });
  using clients = crowd(resolver.port);
  const attacks: Readonly<Record<string, string>> = {
    nothing: '',
    'slow heads': 'GET / HTTP/1.1\r\nHost: shop.loc',
    'an app that hangs': get,
    'slow bodies': 'POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 100\r\n\r\nx',
    'idle connections': 'GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n',
    'requests to the API that end never': 'GET /hangs HTTP/1.1\r\nHost: api.localhost\r\n\r\n',
  };
  for (const [attack, bytes] of Object.entries(attacks)) {
    for (let at = 0; at < 2 * connections; at += 1) clients.open(`127.0.1.${at % 250}`, bytes);
    for (const host of ['api.localhost', 'git.localhost']) {
      const from = attack.includes('API') ? '127.0.0.1' : '127.0.0.9';
      await eventually(
        `${host} answers during: ${attack}`,
        async () => (await ask(resolver.port, { from, host })).status === 200,
      );
    }
    const status = (await ask(resolver.port, { from: '127.0.0.1', host: 'nobody.localhost' })).status;
    assert.equal(status, 404, `this machine is answered during: ${attack}`);
  }
  assert.ok(waiting.length >= 64, 'the app had its part');
});
