import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { paths } from '../../src/config/settings.ts';
import type { RouteTable } from '../../src/domain/route.ts';
import { startResolver } from '../../src/resolver/resolver.ts';
import { createResolverClient } from '../../src/routing/resolver-client.ts';
import { eventually } from '../support/eventually.ts';
import { type StartedProgram, startProgram } from '../support/programs.ts';
import { ask, deadPort, startBackend } from '../support/resolver.ts';

const program = join(import.meta.dirname, '../../src/resolver/main.ts');

interface Running extends StartedProgram {
  readonly port: number;
}

function environmentFor(home: string, port = '0') {
  const ports = { PAAS_BIND: '127.0.0.1', PAAS_HTTP_PORT: port };
  return { PATH: '/usr/bin:/bin', PAAS_HOME: home, PAAS_LOG_LEVEL: 'warn', ...ports };
}

async function start(home: string, { port = '0', socketFd }: StartOptions = {}): Promise<Running> {
  const link = paths(home).resolverLink;
  const started = await startProgram(program, {
    env: environmentFor(home, port),
    link,
    ...(socketFd === undefined ? {} : { socketFd }),
  });
  return { ...started, port: started.hello.facts.address?.port ?? 0 };
}

interface StartOptions {
  readonly port?: string;
  readonly socketFd?: number;
}

async function newHome(): Promise<AsyncDisposable & { readonly home: string }> {
  const home = await mkdtemp(join(tmpdir(), 'paas-r-'));
  return { home, [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }) };
}

function tableOf(port: number, version = 1): RouteTable {
  const target = {
    instanceId: 'i',
    hostId: 'local',
    name: 'web.1',
    release: 1,
    address: '127.0.0.1',
    port,
    state: 'live',
  } as const;
  const route = {
    appId: 'a',
    appName: 'shop',
    rules: [{ hostname: 'shop.localhost', path: '/' }],
    state: 'live',
    targets: [target],
  } as const;
  return { version, routes: [route], reserved: [] };
}

test('killed and started again, it serves its old routes without asking the orchestrator', async () => {
  await using temporary = await newHome();
  await using backend = await startBackend((_incoming, response) => response.end('served'));
  const { routeSnapshot, resolverSocket } = paths(temporary.home);
  await using first = await start(temporary.home);
  const client = createResolverClient(resolverSocket);
  assert.deepEqual(await client.publish(tableOf(backend.port, 7)), { taken: true, version: 7 });
  assert.equal((await ask(first.port)).body, 'served');
  await eventually('the routes are saved', async () => (await readFile(routeSnapshot, 'utf8')).includes('"version":7'));
  const shop = tableOf(backend.port).routes;
  const other = shop.map((route) => ({ ...route, appId: 'b', rules: [{ hostname: 'other.localhost', path: '/' }] }));
  assert.equal((await client.change({ from: 6, version: 8, put: other, drop: [] })).taken, false);
  assert.equal((await client.change({ from: 7, version: 8, put: other, drop: [] })).taken, true);
  await eventually('the change is saved', async () =>
    (await readFile(routeSnapshot, 'utf8')).includes('other.localhost'),
  );
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');

  await using second = await start(temporary.home);
  assert.equal((await ask(second.port)).body, 'served');
  assert.equal((await ask(second.port, { host: 'other.localhost' })).body, 'served');
  const { version, routes } = await client.table();
  assert.deepEqual([version, routes], [8, 2]);
  assert.equal((await client.publish(tableOf(1, 7))).taken, false, 'a table that is not newer is not taken');
  assert.equal((await ask(second.port)).body, 'served');
});

test('a snapshot that cannot be read is ignored', async () => {
  for (const text of ['', '{"version":1', '{"version":"x","routes":[]}', '[]']) {
    await using temporary = await newHome();
    const [controlSocket, snapshotPath] = [join(temporary.home, 'r.sock'), join(temporary.home, 'routes.json')];
    await writeFile(snapshotPath, text);
    const resolver = await startResolver({ bind: '127.0.0.1', httpPort: 0, controlSocket, snapshotPath });
    assert.equal((await ask(resolver.address.port)).status, 404);
    await resolver.close();
  }
});

test('asked to stop, it finishes requests in flight, accepts no new ones and exits with 0', async () => {
  await using temporary = await newHome();
  const waiting: (() => void)[] = [];
  await using backend = await startBackend((_incoming, response) => {
    response.write('begun, ');
    waiting.push(() => response.end('ended'));
  });
  const sockets = new WebSocketServer({ server: backend.server });
  await using resolver = await start(temporary.home);
  await createResolverClient(paths(temporary.home).resolverSocket).publish(tableOf(backend.port));
  const slow = ask(resolver.port, { headers: { Connection: 'keep-alive' } });
  const socket = new WebSocket(`ws://127.0.0.1:${resolver.port}`, { headers: { Host: 'shop.localhost' } });
  const closed = once(socket, 'close');
  await Promise.all([once(socket, 'open'), eventually('the request is in flight', () => waiting.length === 1)]);

  const exited = once(resolver.child, 'exit');
  resolver.child.kill('SIGTERM');
  assert.equal((await closed)[0], 1001);
  await eventually('the port is closed', () => refuses(resolver.port));
  waiting[0]?.();
  const { body, headers } = await slow;
  assert.equal(body, 'begun, ended');
  assert.ok(headers);
  assert.deepEqual(await exited, [0, null]);
  sockets.close();
});

test('the orchestrator notices each restart of the resolver, even after a kill', async () => {
  await using temporary = await newHome();
  const client = createResolverClient(paths(temporary.home).resolverSocket, { patienceMs: 100 });
  const watching = new AbortController();
  const boots: string[] = [];
  const watched = (async () => {
    for await (const event of client.presence(watching.signal))
      if (event.type === 'connected') boots.push(event.bootId);
  })();
  for (let life = 1; life <= 2; life += 1) {
    await using running = await start(temporary.home);
    await eventually(`life ${life} was noticed`, () => boots.length === life);
    running.child.kill('SIGKILL');
    await once(running.child, 'exit');
    await assert.rejects(client.table(), { code: 'unavailable' });
  }
  watching.abort();
  await watched;
  assert.equal(new Set(boots).size, 2);
});

test('only the owner may open its control socket', async () => {
  await using temporary = await newHome();
  await using _resolver = await start(temporary.home);
  const { mode } = await stat(paths(temporary.home).resolverSocket);
  assert.equal(mode & 0o777, 0o600);
});

test('a resolver whose port is taken does not start, and says why', async () => {
  await using temporary = await newHome();
  await using other = await newHome();
  await using resolver = await start(temporary.home);
  const env = environmentFor(other.home, String(resolver.port));
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  assert.deepEqual(await once(child, 'close'), [1, null]);
  assert.match(said, new RegExp(`Port ${resolver.port} is taken\\. .*PAAS_HTTP_PORT`));
  assert.equal((await ask(resolver.port)).status, 404);
});

test('a socket file left by a killed resolver does not stop the next one', async () => {
  await using temporary = await newHome();
  const port = String(await deadPort());
  await using first = await start(temporary.home, { port });
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  await using second = await start(temporary.home, { port });
  assert.equal((await ask(second.port)).status, 404);
});

function refuses(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', () => resolve(true));
  });
}
