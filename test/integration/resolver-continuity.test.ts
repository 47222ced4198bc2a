import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { ask, namedTarget, startBackend, startTestResolver } from '../support/resolver.ts';
import { load } from '../support/resolver-load.ts';

test('20 release switches under load, each drained and stopped, fail no request', async () => {
  await using resolver = await startTestResolver();
  await using stack = new AsyncDisposableStack();
  const start = (release: number) =>
    startBackend((incoming, response) => {
      incoming.resume();
      setTimeout(() => response.end(`v${release}`), 2);
    });
  let current = await start(0);
  await resolver.route('shop', [namedTarget(current, 'v0')]);
  const loads = [load(resolver.port, 8), load(resolver.port, 4, 'POST')];
  for (let release = 1; release <= 20; release += 1) {
    const before = loads[0]?.count() ?? 0;
    await eventually('some requests are served', () => (loads[0]?.count() ?? 0) > before + 20);
    const next = stack.use(await start(release));
    await resolver.route('shop', [
      namedTarget(next, `v${release}`),
      namedTarget(current, `v${release - 1}`, 'draining'),
    ]);
    const left = await resolver.client.drain([`v${release - 1}`], 5_000);
    assert.deepEqual(left, { requests: 0, tunnels: 0 });
    await current[Symbol.asyncDispose]();
    await resolver.route('shop', [namedTarget(next, `v${release}`)]);
    current = next;
  }
  for (const { stop } of loads) await stop();
  for (const { failures, bodies } of loads) {
    assert.deepEqual(failures, []);
    assert.ok(bodies.size > 10, 'the releases took turns');
  }
});

test('the same load without draining does fail requests, so the test above can detect it', async () => {
  await using resolver = await startTestResolver({ refusedHoldMs: 0 });
  const old = await startBackend((_incoming, response) => setTimeout(() => response.end('old'), 2));
  await resolver.route('shop', [old.port]);
  const posts = load(resolver.port, 8, 'POST');
  await eventually('some requests are served', () => posts.count() > 20);
  await old[Symbol.asyncDispose]();
  await eventually('requests fail', () => posts.failures.length > 0);
  await posts.stop();
});

test('a request in flight finishes on its instance, even when the table changes', async () => {
  await using resolver = await startTestResolver();
  const waiting: (() => void)[] = [];
  await using old = await startBackend((_incoming, response) => {
    response.write('begun, ');
    waiting.push(() => response.end('ended'));
  });
  await using fresh = await startBackend((_incoming, response) => response.end('fresh'));
  await resolver.route('shop', [namedTarget(old, 'old')]);
  const slow = ask(resolver.port);
  await eventually('the old one is at work', () => waiting.length === 1);
  await resolver.route('shop', [namedTarget(fresh, 'fresh')]);
  assert.equal((await ask(resolver.port)).body, 'fresh');
  const drained = resolver.client.drain(['old'], 5_000);
  assert.deepEqual(await Promise.race([drained, resolver.client.stats().then(({ targets }) => targets.length)]), 2);
  waiting[0]?.();
  assert.deepEqual(await drained, { requests: 0, tunnels: 0 });
  assert.equal((await slow).body, 'begun, ended');
  await eventually('the old one is forgotten', async () => (await resolver.client.stats()).targets.length === 1);
});

test('draining ends at its deadline and counts the remaining requests', async () => {
  await using resolver = await startTestResolver({ refusedHoldMs: 0 });
  await using backend = await startBackend(() => {});
  await resolver.route('shop', [namedTarget(backend, 'stuck')]);
  const stuck = ask(resolver.port).catch((error: NodeJS.ErrnoException) => error);
  await eventually('it is at work', () => backend.connections.size === 1);
  assert.deepEqual(await resolver.client.drain(['stuck'], 50), { requests: 1, tunnels: 0 });
  await backend[Symbol.asyncDispose]();
  await stuck;
});

test('a POST that waits keeps its body and is sent once', async () => {
  await using resolver = await startTestResolver();
  await resolver.route('shop', [], 'starting');
  const bodies: string[] = [];
  await using backend = await startBackend(async (incoming, response) => {
    let text = '';
    for await (const chunk of incoming) text += chunk;
    bodies.push(text);
    response.end('taken');
  });
  const body = 'x'.repeat(500_000);
  const posted = ask(resolver.port, { method: 'POST', body });
  await eventually('the request waits', async () => (await resolver.client.stats()).held === 1);
  await resolver.route('shop', [backend.port]);
  assert.equal((await posted).body, 'taken');
  assert.deepEqual(bodies, [body]);
});

test('a hung instance of three holds only a few requests', async () => {
  await using resolver = await startTestResolver({ firstByteMs: 60_000, refusedHoldMs: 0 });
  let hung = 0;
  await using stopped = await startBackend(() => {
    hung += 1;
  });
  const quick = () => startBackend((_incoming, response) => response.end('ok'));
  await using one = await quick();
  await using two = await quick();
  await resolver.route('shop', [stopped.port, one.port, two.port]);
  const controllers: (() => void)[] = [];
  let served = 0;
  for (let at = 0; at < 60; at += 1) {
    const answered = ask(resolver.port).then(() => {
      served += 1;
    });
    controllers.push(() => void answered.catch(() => {}));
    await eventually('it is served or stuck', () => served + hung === at + 1, { everyMs: 1 });
  }
  assert.ok(hung <= 2, `${hung} of 60 stuck`);
  for (const forget of controllers) forget();
});

test('a thousand clients that disconnect at every stage leave nothing open and mark no instance as failed', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((incoming, response) => {
    incoming.resume();
    const timer = setTimeout(() => {
      response.write('half');
      setTimeout(() => response.end('whole'), 2);
    }, 2);
    response.on('close', () => clearTimeout(timer));
  });
  await resolver.route('shop', [backend.port]);
  const bytes = [
    '',
    'GET / HT',
    'GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 100\r\n\r\nhalf',
    'GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  ];
  const giveUp = (at: number) =>
    new Promise<void>((resolve) => {
      const socket = connect(resolver.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.on('connect', () => {
        socket.write(bytes[at % bytes.length] ?? '');
        setTimeout(() => (at % 2 === 0 ? socket.destroy() : socket.resetAndDestroy()), at % 7);
      });
    });
  for (let at = 0; at < 1_000; at += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, offset) => giveUp(at + offset)));
  }
  await eventually('nothing is in flight', async () => {
    const { targets, connections } = await resolver.client.stats();
    const [target] = targets;
    return target && target.requests + target.tunnels + connections === 0 && !target.quarantined;
  });
  assert.equal((await ask(resolver.port)).body, 'halfwhole');
});

test('tables of 10,000 routes replace each other while requests are served', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => response.end('ok'));
  await resolver.route('shop', [backend.port]);
  const reads = load(resolver.port, 4);
  for (let round = 0; round < 3; round += 1) {
    const before = reads.count();
    const { version } = await resolver.client.table();
    const others = Array.from({ length: 10_000 }, (_, at) => ({
      appId: `app-${at}`,
      appName: `app-${at}`,
      rules: [`app-${at}.localhost`, `www.app-${at}.com`].map((hostname) => ({ hostname, path: '/' })),
      state: 'live' as const,
      targets: [namedTarget(backend, `instance-${round}-${at}`)],
    }));
    const shop = {
      ...others[0],
      appId: 'shop',
      appName: 'shop',
      rules: [{ hostname: 'shop.localhost', path: '/' }],
      state: 'live' as const,
    };
    const routes = [{ ...shop, targets: [namedTarget(backend, 'shop')] }, ...others];
    assert.equal((await resolver.client.publish({ version: version + 1, routes, reserved: [] })).taken, true);
    assert.equal((await ask(resolver.port, { host: 'www.app-9999.com' })).body, 'ok');
    await eventually('requests go on', () => reads.count() > before + 20);
  }
  await reads.stop();
  assert.deepEqual(reads.failures, []);
  assert.equal((await resolver.client.table()).routes, 10_001);
});
