import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { paths } from '../../src/config/settings.ts';
import { watchProgram } from '../../src/launcher/program-watch.ts';
import { createResolverClient } from '../../src/routing/resolver-client.ts';
import { type BoundSocket, bindSocket, receiveSocket } from '../../src/system/bound-socket.ts';
import { linkRequests } from '../../src/system/program-link.ts';
import { eventually } from '../support/eventually.ts';
import { openLoop } from '../support/open-loop.ts';
import { greet, type StartedProgram, startProgram } from '../support/programs.ts';
import { ask, namedTarget, startBackend } from '../support/resolver.ts';
import { load } from '../support/resolver-load.ts';

const never = new AbortController().signal;
const program = join(import.meta.dirname, '../../src/resolver/main.ts');

/** A home with a bound socket and an app behind it. Generations of its resolver share the socket. */
async function newPlace() {
  const stack = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), 'paas-g-'));
  stack.defer(() => rm(home, { recursive: true, force: true }));
  const bound = bindSocket('127.0.0.1', 0, 4);
  assert.ok(typeof bound !== 'number');
  stack.defer(() => bound.close());
  const slow: (() => void)[] = [];
  const backend = stack.use(
    await startBackend((incoming, response) => {
      incoming.resume();
      if (incoming.url === '/slow') slow.push(() => response.end('slow'));
      else response.end('served');
    }),
  );
  const generations: StartedProgram[] = [];
  const { resolverLink: link, resolverSocket, routeSnapshot } = paths(home);
  const start = async (socket: BoundSocket = bound) => {
    const env = { PATH: '/usr/bin:/bin', PAAS_HOME: home, PAAS_BIND: '127.0.0.1', PAAS_LOG_LEVEL: 'warn' };
    const started = stack.use(await startProgram(program, { env, link, socketFd: socket.fd }));
    generations.push(started);
    return started;
  };
  await start();
  const client = createResolverClient(resolverSocket);
  const rules = [{ hostname: 'shop.localhost', path: '/' }];
  const route = { appId: 'a', appName: 'shop', rules, state: 'live', targets: [namedTarget(backend, 'i')] } as const;
  await client.publish({ version: 1, reserved: [], routes: [route] });
  await eventually('the routes are saved', async () => (await readFile(routeSnapshot, 'utf8')).includes('shop'));
  return {
    bound,
    slow,
    start,
    client,
    link,
    port: bound.address.port,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test('five generations replace each other, and no request fails', async () => {
  await using place = await newPlace();
  let current = await greet(place.link);
  const loads = [load(place.port, 4), load(place.port, 2, 'POST')];
  await using fresh = openLoop(place.port, { everyMs: 4 });
  for (let generation = 0; generation < 5; generation += 1) {
    const next = await place.start();
    process.kill(current?.pid ?? 0, 'SIGTERM');
    const before = fresh.count();
    await eventually('requests are served', () => fresh.count() > before + 20);
    current = next.hello;
  }
  for (const one of [...loads, fresh]) await one.stop();
  assert.deepEqual(
    loads.flatMap(({ failures }) => failures),
    [],
  );
  assert.deepEqual(fresh.failures, []);
});

test('a killed generation loses what was in flight on it, and nobody is refused', async () => {
  await using place = await newPlace();
  await using fresh = openLoop(place.port, { everyMs: 4 });
  for (let generation = 0; generation < 3; generation += 1) {
    const pid = (await greet(place.link))?.pid ?? 0;
    const before = fresh.count();
    await eventually('requests are served', () => fresh.count() > before + 20);
    fresh.excuse();
    process.kill(pid, 'SIGKILL');
    await place.start();
  }
  await fresh.stop();
  assert.deepEqual(fresh.failures, []);
});

test('a process gets the socket from a living generation, and keeps it when all others have gone', async () => {
  await using place = await newPlace();
  const received = await receiveSocket(place.link, linkRequests.socket, 30_000);
  assert.deepEqual(received?.address, place.bound.address);
  place.bound.close();
  const pid = (await greet(place.link))?.pid ?? 0;
  process.kill(pid, 'SIGKILL');
  // The connection waits: nobody accepts, and nobody refuses.
  const waiting = ask(place.port);
  assert.ok(received);
  await place.start(received);
  assert.equal((await waiting).body, 'served');
  received.close();
  assert.equal(await receiveSocket('/nonexistent', linkRequests.socket, 1000), null);
});

test('no other program that they start inherits the socket', async () => {
  await using place = await newPlace();
  const { pid = 0 } = (await greet(place.link)) ?? {};
  for (const [process, fd] of [
    [pid, 3],
    ['self', place.bound.fd],
  ] as const) {
    // O_CLOEXEC, from the kernel's fcntl.h.
    const flags = /^flags:\s+(\d+)$/m.exec(await readFile(`/proc/${process}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '';
    assert.ok(Number.parseInt(flags, 8) & 0o2000000, flags);
  }
});

test('a replaced generation finishes what its clients began, and gives new connections time to begin', async () => {
  await using place = await newPlace();
  const old = await greet(place.link);
  const watched = watchProgram({ path: place.link, pid: null, onHello: () => undefined, signal: never });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const slow = answerOf({ port: place.port, path: '/slow', agent });
  const silent = connect(place.port, '127.0.0.1');
  const idle = connect(place.port, '127.0.0.1');
  await Promise.all([once(silent, 'connect'), once(idle, 'connect')]);
  idle.write('GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n');
  assert.match(String(await once(idle, 'data')), /served/);
  await eventually('the slow one is in flight', async () => (await place.client.stats()).targets[0]?.requests === 1);
  const next = await place.start();
  const gone = once(idle, 'close');
  process.kill(old?.pid ?? 0, 'SIGTERM');
  assert.equal(await watched, 'closed', 'the old one has begun to close');
  silent.write('GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n');
  const text = String(await once(silent, 'data'));
  assert.match(text, /served/);
  assert.match(text, /Connection: close/i);
  idle.resume();
  await gone;
  for (const end of place.slow) end();
  const { body, connection } = await slow;
  assert.deepEqual([body, connection], ['slow', 'close']);
  assert.equal((await ask(place.port)).body, 'served');
  assert.equal((await greet(place.link))?.pid, next.hello.pid);
  await eventually('the old one has ended', () => !isRunning(old?.pid ?? 0));
  agent.destroy();
});

function answerOf(options: { readonly port: number; readonly path: string; readonly agent: Agent }) {
  return new Promise<{ readonly body: string; readonly connection: string | undefined }>((resolve, reject) => {
    const sent = request({ ...options, host: '127.0.0.1', headers: { Host: 'shop.localhost' } }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      answer.on('end', () => resolve({ body, connection: answer.headers.connection }));
    });
    sent.on('error', reject).end();
  });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
