import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Target } from '../../src/domain/route.ts';
import { eventually } from '../support/eventually.ts';
import {
  type Answered,
  ask,
  type Backend,
  deadPort,
  startBackend,
  startRawBackend,
  startTestResolver,
} from '../support/resolver.ts';

/** Asks one after the other over kept connections until told to stop; every answer but 200 and every error is a failure. */
function load(port: number, lanes: number, method = 'GET') {
  const agent = new Agent({ keepAlive: true });
  const bodies = new Map<string, number>();
  const failures: string[] = [];
  let isOver = false;
  const one = () =>
    new Promise<void>((resolve) => {
      const outgoing = request({ port, method, agent, headers: { Host: 'shop.localhost' } }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('error', (error) => failures.push(error.message));
        answer.on('end', () => {
          if (answer.statusCode === 200) bodies.set(text, (bodies.get(text) ?? 0) + 1);
          else failures.push(`${answer.statusCode} ${text}`);
        });
        answer.on('close', resolve);
      });
      outgoing.on('error', (error) => {
        failures.push(error.message);
        resolve();
      });
      outgoing.end(method === 'POST' ? 'body' : undefined);
    });
  const running = Array.from({ length: lanes }, async () => {
    while (!isOver) await one();
  });
  return {
    bodies,
    failures,
    count: () => [...bodies.values()].reduce((sum, count) => sum + count, 0),
    async stop() {
      isOver = true;
      await Promise.all(running);
      agent.destroy();
    },
  };
}

/** A program that was stopped with its queue of connections full: whoever connects gets no answer at all. */
async function startHanging(): Promise<Backend> {
  const script = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    process.send(this.address().port);
  })`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const [port] = await once(child, 'message');
  child.kill('SIGSTOP');
  const fillers = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  await eventually('the queue is full', () => fillers.some(({ readyState }) => readyState === 'open'));
  return {
    port,
    connections: new Set(),
    async [Symbol.asyncDispose]() {
      for (const socket of fillers) socket.destroy();
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

function named(backend: Backend, instanceId: string, state: Target['state'] = 'live'): Target {
  return { instanceId, name: 'web.1', release: 1, address: '127.0.0.1', port: backend.port, state };
}

test('20 switches from one release to the next under load, each drained and stopped: no failed request', async () => {
  await using resolver = await startTestResolver();
  await using stack = new AsyncDisposableStack();
  const start = (release: number) =>
    startBackend((incoming, response) => {
      incoming.resume();
      setTimeout(() => response.end(`v${release}`), 2);
    });
  let current = await start(0);
  await resolver.route('shop', [named(current, 'v0')]);
  const loads = [load(resolver.port, 8), load(resolver.port, 4, 'POST')];
  for (let release = 1; release <= 20; release += 1) {
    const before = loads[0]?.count() ?? 0;
    await eventually('some requests are served', () => (loads[0]?.count() ?? 0) > before + 20);
    const next = stack.use(await start(release));
    await resolver.route('shop', [named(next, `v${release}`), named(current, `v${release - 1}`, 'draining')]);
    const left = await resolver.client.drain([`v${release - 1}`], 5_000);
    assert.deepEqual(left, { requests: 0, tunnels: 0 });
    await current[Symbol.asyncDispose]();
    await resolver.route('shop', [named(next, `v${release}`)]);
    current = next;
  }
  for (const { stop } of loads) await stop();
  for (const { failures, bodies } of loads) {
    assert.deepEqual(failures, []);
    assert.ok(bodies.size > 10, 'the releases took turns');
  }
});

test('the same load with instances stopped before they are drained does fail, so that the test above can see', async () => {
  await using resolver = await startTestResolver({ refusedHoldMs: 0 });
  const old = await startBackend((_incoming, response) => setTimeout(() => response.end('old'), 2));
  await resolver.route('shop', [old.port]);
  const posts = load(resolver.port, 8, 'POST');
  await eventually('some requests are served', () => posts.count() > 20);
  await old[Symbol.asyncDispose]();
  await eventually('requests fail', () => posts.failures.length > 0);
  await posts.stop();
});

test('a request in flight ends on the instance that it began on, whatever the table says meanwhile', async () => {
  await using resolver = await startTestResolver();
  const waiting: (() => void)[] = [];
  await using old = await startBackend((_incoming, response) => {
    response.write('begun, ');
    waiting.push(() => response.end('ended'));
  });
  await using fresh = await startBackend((_incoming, response) => response.end('fresh'));
  await resolver.route('shop', [named(old, 'old')]);
  const slow = ask(resolver.port);
  await eventually('the old one is at work', () => waiting.length === 1);
  await resolver.route('shop', [named(fresh, 'fresh')]);
  assert.equal((await ask(resolver.port)).body, 'fresh');
  const drained = resolver.client.drain(['old'], 5_000);
  assert.deepEqual(await Promise.race([drained, resolver.client.stats().then(({ targets }) => targets.length)]), 2);
  waiting[0]?.();
  assert.deepEqual(await drained, { requests: 0, tunnels: 0 });
  assert.equal((await slow).body, 'begun, ended');
  await eventually('the old one is forgotten', async () => (await resolver.client.stats()).targets.length === 1);
});

test('draining ends at its deadline and counts what is left', async () => {
  await using resolver = await startTestResolver({ refusedHoldMs: 0 });
  await using backend = await startBackend(() => {});
  await resolver.route('shop', [named(backend, 'stuck')]);
  const stuck = ask(resolver.port).catch((error: NodeJS.ErrnoException) => error);
  await eventually('it is at work', () => backend.connections.size === 1);
  assert.deepEqual(await resolver.client.drain(['stuck'], 50), { requests: 1, tunnels: 0 });
  await backend[Symbol.asyncDispose]();
  await stuck;
});

test('an instance that refuses connections costs no request while there is another', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((incoming, response) => {
    incoming.resume();
    response.end('ok');
  });
  await resolver.route('shop', [await deadPort(), backend.port]);
  for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
    for (let at = 0; at < 4; at += 1) assert.equal((await ask(resolver.port, { method })).body, 'ok', method);
  }
});

// What can be sent once only cannot be saved from an app that closes within the milliseconds that a busy host may take away
// from the resolver: 300 ms is less than any server's default.
for (const { idleMs, lanes, rounds } of [
  { idleMs: 30, lanes: ['GET', 'GET', 'GET', 'GET', 'OPTIONS', 'OPTIONS'], rounds: 40 },
  { idleMs: 60, lanes: ['GET', 'GET', 'GET', 'GET', 'GET', 'GET'], rounds: 40 },
  { idleMs: 300, lanes: ['GET', 'GET', 'GET', 'POST', 'POST', 'PATCH'], rounds: 8 },
]) {
  test(`an app that closes idle connections after ${idleMs} ms, without a word, fails no request`, async () => {
    await using resolver = await startTestResolver();
    let served = 0;
    await using backend = await startRawBackend((socket) => {
      const close = () => socket.destroy();
      let timer: NodeJS.Timeout | undefined;
      socket.on('data', () => {
        clearTimeout(timer);
        served += 1;
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        timer = setTimeout(close, idleMs);
      });
    });
    await resolver.route('shop', [backend.port]);
    let asked = 0;
    const failures: string[] = [];
    const lane = async (method: string) => {
      for (let at = 0; at < rounds; at += 1) {
        asked += 1;
        const answer: Answered | Error = await ask(resolver.port, { method }).catch((error) => error);
        if (!('status' in answer) || answer.status !== 200) failures.push(`${method} ${JSON.stringify(answer)}`);
        // At the very moment at which the app closes, a little before and a little after.
        await new Promise((resolve) => setTimeout(resolve, idleMs - 2 + (at % 5)));
      }
    };
    await Promise.all(lanes.map(lane));
    assert.deepEqual(failures, []);
    assert.ok(served >= asked);
  });
}

test('a request with effects goes over no connection whose end is here and only not read yet', async () => {
  await using resolver = await startTestResolver({ unsafeReuseMs: 1_000 });
  // On a thread of its own, which closes while the resolver's is held up.
  const app = new Worker(
    `const { createServer } = require('node:net');
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => {
        socket.write('HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok');
        setTimeout(() => socket.destroy(), 30);
      });
    });
    server.listen(0, '127.0.0.1', () => require('node:worker_threads').parentPort.postMessage(server.address().port));`,
    { eval: true },
  );
  try {
    const [port] = (await once(app, 'message')) as [number];
    await resolver.route('shop', [port]);
    const client = connect(resolver.port, '127.0.0.1');
    let heard = '';
    client.on('data', (chunk) => {
      heard += chunk;
    });
    for (const nth of [1, 2, 3]) {
      client.write('POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 0\r\n\r\n');
      if (nth > 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      await eventually(`answer ${nth}`, () => heard.split('\r\n\r\nok').length > nth || /HTTP\/1.1 5/.test(heard));
    }
    client.destroy();
    assert.equal(heard.match(/HTTP\/1.1 200/g)?.length, 3, heard);
  } finally {
    await app.terminate();
  }
});

test('a request with effects is sent once, even when the app dies over it', async () => {
  await using resolver = await startTestResolver();
  const effects: string[] = [];
  const dying = () =>
    startBackend((incoming, response) => {
      incoming.resume();
      incoming.on('end', () => {
        effects.push(incoming.method ?? '');
        response.destroy();
      });
    });
  await using one = await dying();
  await using two = await dying();
  await resolver.route('shop', [one.port, two.port]);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    effects.length = 0;
    const { status } = await ask(resolver.port, { method, body: 'once' });
    assert.deepEqual([status, effects], [503, [method]]);
  }
});

test('a read that one instance dies over is asked of another, once', async () => {
  await using resolver = await startTestResolver();
  let deaths = 0;
  await using dying = await startBackend((_incoming, response) => {
    deaths += 1;
    response.destroy();
  });
  await using healthy = await startBackend((_incoming, response) => response.end('ok'));
  await resolver.route('shop', [dying.port, healthy.port]);
  for (let at = 0; at < 4; at += 1) assert.equal((await ask(resolver.port)).body, 'ok');
  assert.ok(deaths >= 1 && deaths <= 4, `${deaths} of 4 requests met it`);
  await resolver.route('shop', [dying.port]);
  deaths = 0;
  assert.equal((await ask(resolver.port)).status, 503);
  assert.equal(deaths, 2);
});

test('an instance that crashes costs those who were with it an error, and everybody after them a delay', async () => {
  await using resolver = await startTestResolver();
  const old = await startBackend((_incoming, response) => setTimeout(() => response.end('old'), 1));
  await resolver.route('shop', [named(old, 'old')]);
  const reads = load(resolver.port, 8);
  await eventually('some requests are served', () => reads.count() > 50);
  await old[Symbol.asyncDispose]();
  await eventually('requests wait', async () => (await resolver.client.stats()).held === 8);
  await resolver.route('shop', [], 'starting');
  await using fresh = await startBackend((_incoming, response) => response.end('fresh'));
  await resolver.route('shop', [named(fresh, 'fresh')]);
  await eventually('requests are served again', () => (reads.bodies.get('fresh') ?? 0) > 50);
  await reads.stop();
  assert.ok(reads.failures.length <= 8, `one for each reader at most: ${reads.failures}`);
});

test('a read that its instance dies of does not wait to kill the replacement', async () => {
  await using resolver = await startTestResolver();
  const deadly = async () => {
    const backend = await startBackend((incoming) => {
      if (incoming.url === '/deadly') void backend[Symbol.asyncDispose]();
    });
    return backend;
  };
  const old = await deadly();
  await resolver.route('shop', [named(old, 'old')]);
  assert.equal((await ask(resolver.port, { path: '/deadly' })).status, 503);
  assert.equal((await resolver.client.stats()).held, 0);
});

test('a connection that hangs is given up for another instance, within the time for it or when its instance leaves', async () => {
  await using resolver = await startTestResolver({ connectMs: 300 });
  await using hanging = await startHanging();
  await using healthy = await startBackend((_incoming, response) => response.end('ok'));
  await resolver.route('shop', [hanging.port]);
  const asked = ask(resolver.port);
  const begunMs = performance.now();
  await eventually('it is trying', async () => (await resolver.client.stats()).targets[0]?.requests === 1);
  await resolver.route('shop', [healthy.port]);
  assert.equal((await asked).body, 'ok');
  assert.ok(performance.now() - begunMs < 290, 'it did not wait for its time to pass');

  await resolver.route('shop', [named(hanging, 'again'), named(healthy, 'healthy')]);
  for (let at = 0; at < 4; at += 1) assert.equal((await ask(resolver.port, { method: 'POST' })).body, 'ok');
  const [again] = (await resolver.client.stats()).targets;
  assert.deepEqual([again?.instanceId, again?.quarantined], ['again', true]);
});

test('an app whose only instance lets no connection be made answers H19', async () => {
  await using resolver = await startTestResolver({ connectMs: 100, refusedHoldMs: 0 });
  await using hanging = await startHanging();
  await resolver.route('shop', [hanging.port]);
  const { status, body } = await ask(resolver.port, { headers: { Accept: 'application/json' } });
  assert.deepEqual([status, JSON.parse(body).id], [503, 'H19']);
  const failed = await eventually('the log has it', () =>
    resolver.events.find((event) => event.type === 'request_failed'),
  );
  assert.match(
    failed.type === 'request_failed' ? failed.text : '',
    /^at=error code=H19 desc="Backend connection timeout"/,
  );
});

test('a waiting POST keeps its body and is sent once', async () => {
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

test('a hung instance of three keeps a few requests, and no more', async () => {
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

test('a thousand clients that give up at every stage leave nothing open and no instance suspected', async () => {
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

test('tables of 10,000 routes are put in use one after the other while requests are served', async () => {
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
      hostnames: [`app-${at}.localhost`, `www.app-${at}.com`],
      state: 'live' as const,
      targets: [named(backend, `instance-${round}-${at}`)],
    }));
    const shop = {
      ...others[0],
      appId: 'shop',
      appName: 'shop',
      hostnames: ['shop.localhost'],
      state: 'live' as const,
    };
    const routes = [{ ...shop, targets: [named(backend, 'shop')] }, ...others];
    assert.equal(await resolver.client.publish({ version: version + 1, routes, platform: [] }), true);
    assert.equal((await ask(resolver.port, { host: 'www.app-9999.com' })).body, 'ok');
    await eventually('requests go on', () => reads.count() > before + 20);
  }
  await reads.stop();
  assert.deepEqual(reads.failures, []);
  assert.equal((await resolver.client.table()).routes, 10_001);
});
