import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { askInLanes, startClosingApp } from '../support/closing-app.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import {
  type Answered,
  ask,
  type Backend,
  deadPort,
  namedTarget,
  startBackend,
  startRawBackend,
  startTestResolver,
} from '../support/resolver.ts';
import { load } from '../support/resolver-load.ts';

const requestsOfEach = 200;

/** A stopped program with a full connection queue: new connections get no answer at all. */
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

test('an instance that refuses connections fails no request while there is another', async () => {
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

for (const { idleMs, lanes, rounds } of [
  { idleMs: 30, lanes: ['GET', 'GET', 'POST', 'POST', 'OPTIONS', 'OPTIONS'], rounds: 40 },
  { idleMs: 60, lanes: ['GET', 'GET', 'PUT', 'PUT', 'DELETE', 'POST'], rounds: 40 },
  { idleMs: 300, lanes: ['GET', 'GET', 'GET', 'POST', 'POST', 'PATCH'], rounds: 8 },
]) {
  test(`an app that closes idle connections silently after ${idleMs} ms fails no request`, async () => {
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
        // Exactly when the app closes, a little before and a little after.
        await new Promise((resolve) => setTimeout(resolve, idleMs - 2 + (at % 5)));
      }
    };
    await Promise.all(lanes.map(lane));
    assert.deepEqual(failures, []);
    assert.ok(served >= asked);
  });
}

// Each app runs on its own thread, so that it closes connections while the resolver's thread is busy.
for (const { style, says } of [
  { style: 'fin', says: 'after each answer' },
  { style: 'fin-late', says: 'up to 50 ms after each answer' },
  { style: 'half', says: 'for writing after each answer' },
  { style: 'reset', says: 'with a reset after each answer' },
  { style: 'reset-late', says: 'with a reset up to 50 ms after each answer' },
  { style: 'every-7th', says: 'after every seventh answer' },
  { style: 'idle', says: 'after a random time that is shorter than announced' },
  { style: 'busy', says: 'only when it has many requests' },
  { style: 'some-processes', says: 'in one of three processes' },
  { style: 'http-1.0', says: 'after answers of HTTP/1.0' },
  { style: 'asked-to-keep', says: 'never, even when asked to close' },
] as const) {
  test(`an app that closes connections ${says} fails no request and does none twice`, async () => {
    await using resolver = await startTestResolver();
    await using app = await startClosingApp(style);
    await resolver.route('shop', [app.port]);
    for (const lanes of [1, 8]) {
      const failures = await askInLanes(resolver.port, { lanes, requests: requestsOfEach });
      assert.deepEqual(failures, []);
    }
    const doneTwice = await app.doneTwice();
    // An app that reads on after it ended its own direction does a read that it cannot answer.
    assert.deepEqual(
      doneTwice.filter((request) => style !== 'half' || !request.startsWith('GET')),
      [],
    );
  });
}

test('an app that has closed a connection unannounced gets one connection for each request, on new instances too', async () => {
  await using resolver = await startTestResolver();
  const closing = () =>
    startBackend((_incoming, response) => {
      response.end('ok', () => response.socket?.end());
    });
  await using first = await closing();
  await resolver.route('shop', [first.port]);
  await ask(resolver.port);
  await eventually('the app has closed', () => first.connections.size === 0);
  await ask(resolver.port);
  let connections = 0;
  let keptAlive = 0;
  await using second = await startBackend((incoming, response) => {
    if (incoming.headers.connection !== 'close') keptAlive += 1;
    response.end('ok');
  });
  second.server.on('connection', () => {
    connections += 1;
  });
  await resolver.route('shop', [second.port]);
  for (let at = 0; at < 3; at += 1) await ask(resolver.port);
  assert.deepEqual({ connections, keptAlive }, { connections: 3, keptAlive: 0 });
});

test('the app closes a connection first after its last answer, so that no port of the resolver stays in use', async () => {
  await using resolver = await startTestResolver();
  const closedFirst: string[] = [];
  let answer = '';
  await using app = await startRawBackend((socket) => {
    socket.on('end', () => closedFirst.push('resolver'));
    socket.once('data', () => {
      socket.write(answer);
      // Behind the moment at which the resolver has read the answer and sent it on.
      setTimeout(() => {
        if (socket.readableEnded) return;
        closedFirst.push('app');
        socket.removeAllListeners('end').end();
      }, 20);
    });
  });
  await resolver.route('shop', [app.port]);
  answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  await ask(resolver.port, { method: 'POST' });
  answer = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok';
  await ask(resolver.port);
  answer = 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok';
  await ask(resolver.port);
  await eventually('each connection is closed', () => closedFirst.length === 3 && app.connections.size === 0);
  assert.deepEqual(closedFirst, ['app', 'app', 'app']);
});

test('a connection that the app does not close after its last answer is closed by the resolver', async () => {
  await using resolver = await startTestResolver();
  await using app = await startRawBackend((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  });
  await resolver.route('shop', [app.port]);
  await ask(resolver.port, { method: 'POST' });
  await eventually('the connection is closed', () => app.connections.size === 0);
});

test('an app keeps its connections for reads when one of its instances has crashed', async () => {
  await using resolver = await startTestResolver();
  const crashing = await startBackend((_incoming, response) => response.end('ok'));
  await resolver.route('shop', [crashing.port]);
  await ask(resolver.port);
  await crashing[Symbol.asyncDispose]();
  let connections = 0;
  await using next = await startBackend((_incoming, response) => response.end('ok'));
  next.server.on('connection', () => {
    connections += 1;
  });
  await resolver.route('shop', [crashing.port, next.port]);
  for (let at = 0; at < 5; at += 1) assert.equal((await ask(resolver.port)).body, 'ok');
  assert.equal(connections, 1);
});

test('a request with effects is sent once, even when the app dies while handling it', async () => {
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

test('a read is retried once on another instance when the first one dies', async () => {
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

test('a crash is an error for its requests in flight, and a delay for later requests', async () => {
  await using resolver = await startTestResolver();
  const old = await startBackend((_incoming, response) => setTimeout(() => response.end('old'), 1));
  await resolver.route('shop', [namedTarget(old, 'old')]);
  const reads = load(resolver.port, 8);
  await eventually('some requests are served', () => reads.count() > 50);
  await old[Symbol.asyncDispose]();
  await eventually('requests wait', async () => (await resolver.client.stats()).held === 8);
  await resolver.route('shop', [], 'starting');
  await using fresh = await startBackend((_incoming, response) => response.end('fresh'));
  await resolver.route('shop', [namedTarget(fresh, 'fresh')]);
  await eventually('requests are served again', () => (reads.bodies.get('fresh') ?? 0) > 50);
  await reads.stop();
  assert.ok(reads.failures.length <= 8, `one for each reader at most: ${reads.failures}`);
});

test('a read that killed the only instance fails at once and does not wait for the replacement', async () => {
  await using resolver = await startTestResolver();
  const deadly = async () => {
    const backend = await startBackend((incoming) => {
      if (incoming.url === '/deadly') void backend[Symbol.asyncDispose]();
    });
    return backend;
  };
  const old = await deadly();
  await resolver.route('shop', [namedTarget(old, 'old')]);
  assert.equal((await ask(resolver.port, { path: '/deadly' })).status, 503);
  assert.equal((await resolver.client.stats()).held, 0);
});

test('a connection attempt that hangs moves to another instance when its instance leaves', {
  timeout: scaled(30_000),
}, async () => {
  await using resolver = await startTestResolver({ connectMs: 60_000 });
  await using hanging = await startHanging();
  await using healthy = await startBackend((_incoming, response) => response.end('ok'));
  await resolver.route('shop', [hanging.port]);
  const asked = ask(resolver.port);
  await eventually('it is trying', async () => (await resolver.client.stats()).targets[0]?.requests === 1);
  await resolver.route('shop', [healthy.port]);
  assert.equal((await asked).body, 'ok');
});

test('a connection attempt that hangs moves to another instance after its timeout', async () => {
  await using resolver = await startTestResolver({ connectMs: 300 });
  await using hanging = await startHanging();
  await using healthy = await startBackend((_incoming, response) => response.end('ok'));
  await resolver.route('shop', [namedTarget(hanging, 'again'), namedTarget(healthy, 'healthy')]);
  for (let at = 0; at < 4; at += 1) assert.equal((await ask(resolver.port, { method: 'POST' })).body, 'ok');
  const [again] = (await resolver.client.stats()).targets;
  assert.deepEqual([again?.instanceId, again?.quarantined], ['again', true]);
});

test('an app whose only instance accepts no connection answers H19', async () => {
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
