import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { RouteState } from '../../src/domain/route.ts';
import { eventually } from '../support/eventually.ts';
import {
  ask,
  deadPort,
  exchangeBytes,
  startBackend,
  startRawBackend,
  startTestResolver,
  type TestResolver,
} from '../support/resolver.ts';

/** The line that the app's log gets. */
function lineFor(resolver: TestResolver, code: string): Promise<string> {
  return eventually(`the log has ${code}`, () => {
    const event = resolver.events.find((heard) => heard.type === 'request_failed' && heard.code === code);
    return event?.type === 'request_failed' ? event.text : null;
  });
}

const states: readonly (readonly [RouteState, string])[] = [
  ['maintenance', 'H80'],
  ['blank', 'H81'],
  ['none', 'H14'],
  ['crashed', 'H10'],
];

for (const [state, code] of states) {
  test(`an app that is in the state ${state} answers ${code} at once`, async () => {
    await using resolver = await startTestResolver();
    await resolver.route('shop', [], state);
    const { status, body, headers } = await ask(resolver.port, { headers: { Accept: 'application/json' } });
    const { id, request_id } = JSON.parse(body);
    assert.deepEqual([status, id, request_id], [503, code, headers['x-request-id']]);
    const line = await lineFor(resolver, code);
    assert.ok(line.includes(`request_id=${request_id}`), line);
  });
}

test("an unknown hostname gets the platform's page, and never an app", async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => response.end('the app'));
  await resolver.route('shop', [backend.port]);
  const { status, body } = await ask(resolver.port, { host: 'nobody.localhost', headers: { Accept: 'text/html' } });
  assert.equal(status, 404);
  assert.match(body, /There is no app here/);
  assert.equal((await ask(resolver.port, { host: '127.0.0.1' })).status, 404);
});

test('an app that does not answer in time gets H12 in its log', async () => {
  await using resolver = await startTestResolver({ firstByteMs: 100 });
  await using backend = await startBackend(() => {});
  await resolver.route('shop', [backend.port]);
  assert.equal((await ask(resolver.port, { path: '/slow?a="b"' })).status, 503);
  const line = await lineFor(resolver, 'H12');
  assert.match(
    line,
    /^at=error code=H12 desc="Request timeout" method=GET path="\/slow\?a=\\"b\\"" host=shop\.localhost /,
  );
  assert.match(line, / fwd="127\.0\.0\.1" dyno=web\.1 connect=\d+ms service=1\d\dms status=503 bytes= protocol=http$/);
  await eventually('the app’s connection is closed', () => backend.connections.size === 0);
});

test('the time limit for an answer starts when the whole request was sent', async () => {
  await using resolver = await startTestResolver({ firstByteMs: 150 });
  await using backend = await startBackend((incoming, response) => {
    incoming.resume();
    incoming.on('end', () => response.end('done'));
  });
  await resolver.route('shop', [backend.port]);
  const socket = connect(resolver.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.write('POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 5\r\nConnection: close\r\n\r\n');
  for (const byte of 'hello') {
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.write(byte);
  }
  await eventually('the app has answered', () => text.endsWith('done'));
  assert.match(text, /^HTTP\/1\.1 200 /);
  socket.destroy();
});

test('an app that closes the connection without an answer gets a line in its log', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startRawBackend((socket) => socket.once('data', () => socket.end()));
  await resolver.route('shop', [backend.port]);
  assert.equal((await ask(resolver.port)).status, 503);
  await lineFor(resolver, 'H13');
});

test('the line of a request that killed its instance names the instance', async () => {
  await using resolver = await startTestResolver();
  const backend = await startRawBackend((socket) => socket.once('data', () => void backend[Symbol.asyncDispose]()));
  await resolver.route('shop', [backend.port]);
  assert.equal((await ask(resolver.port)).status, 503);
  assert.match(await lineFor(resolver, 'H13'), / dyno=web\.1 /);
});

for (const [what, bytes] of [
  ['is not HTTP', 'nonsense\r\n\r\n'],
  ['has two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ['has a status that is none', 'HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n'],
  ['has a status of four digits', 'HTTP/1.1 1000 High\r\nContent-Length: 0\r\n\r\n'],
  ['has a control character in its reason', 'HTTP/1.1 200 \x01\x1b[2J\r\nContent-Length: 0\r\n\r\n'],
  ['has a control character in a field', 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n'],
  ['has a field whose name is none', 'HTTP/1.1 200 OK\r\na b: c\r\nContent-Length: 0\r\n\r\n'],
  ['has a head without end', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}`],
  ['has a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
  ['switches protocols unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
] as const) {
  test(`an answer that ${what} is not passed on`, async () => {
    await using resolver = await startTestResolver();
    await using backend = await startRawBackend((socket) => socket.once('data', () => socket.write(bytes)));
    await resolver.route('shop', [backend.port]);
    assert.equal((await ask(resolver.port)).status, 503);
    await lineFor(resolver, 'H17');
    assert.equal((await resolver.client.stats()).held, 0, 'the resolver is alive');
  });
}

test('an answer that pauses too long is cut off', async () => {
  await using resolver = await startTestResolver({ idleMs: 100 });
  await using backend = await startBackend((_incoming, response) => response.write('half'));
  await resolver.route('shop', [backend.port]);
  await assert.rejects(ask(resolver.port), { code: 'ECONNRESET' });
  await lineFor(resolver, 'H15');
  await eventually('the app’s connection is closed', () => backend.connections.size === 0);
});

test('a slow answer that goes on is not cut off', async () => {
  await using resolver = await startTestResolver({ idleMs: 150, firstByteMs: 150 });
  await using backend = await startBackend((_incoming, response) => {
    let left = 6;
    const timer = setInterval(() => {
      response.write('.');
      left -= 1;
      if (left > 0) return;
      clearInterval(timer);
      response.end();
    }, 60);
  });
  await resolver.route('shop', [backend.port]);
  assert.equal((await ask(resolver.port)).body, '......');
});

test('an app whose only instance refuses connections answers H21 after a short wait', async () => {
  await using resolver = await startTestResolver({ refusedHoldMs: 150, probeMs: 30, returnedMs: 0 });
  await resolver.route('shop', [await deadPort()]);
  assert.equal((await ask(resolver.port)).status, 503);
  await lineFor(resolver, 'H21');
});

test('a refused request waits longer while an orchestrator that was started again looks for dead instances', async () => {
  await using resolver = await startTestResolver({ refusedHoldMs: 1, startingHoldMs: 60_000, returnedMs: 60_000 });
  await using backend = await startBackend((_incoming, response) => response.end('replaced'));
  await resolver.route('shop', [await deadPort()]);
  const waiting = ask(resolver.port);
  await eventually('the request is held', async () => (await resolver.client.stats()).held === 1);
  await resolver.route('shop', [backend.port]);
  assert.equal((await waiting).body, 'replaced');
});

test('an app that has not started after the wait answers H20', async () => {
  await using resolver = await startTestResolver({ startingHoldMs: 100, probeMs: 30 });
  await resolver.route('shop', [], 'starting');
  assert.equal((await ask(resolver.port)).status, 503);
  await lineFor(resolver, 'H20');
});

test('a request waits for an app that is started again soon, and is told when that is too late', async () => {
  await using resolver = await startTestResolver({ startingHoldMs: 60_000 });
  await using backend = await startBackend((_incoming, response) => response.end('again'));
  await resolver.route('shop', [], 'crashed', Date.now() + 59_000);
  const waiting = ask(resolver.port, { method: 'POST' });
  await eventually('the request is held', async () => (await resolver.client.stats()).held === 1);
  await resolver.route('shop', [], 'starting');
  await resolver.route('shop', [backend.port]);
  assert.equal((await waiting).body, 'again');

  await resolver.route('shop', [], 'crashed', Date.now() + 90_000);
  const late = await ask(resolver.port);
  assert.equal(late.status, 503);
  assert.match(String(late.headers['retry-after']), /^(89|90)$/);
  assert.match(late.body, /It is started again in (89|90) s\. If you own it, see: paas logs/);
  await lineFor(resolver, 'H10');

  await resolver.route('shop', [], 'crashed', Date.now() + 59_000);
  const unlucky = ask(resolver.port);
  await eventually('the request is held', async () => (await resolver.client.stats()).held === 1);
  await resolver.route('shop', [], 'crashed', Date.now() + 400_000);
  const told = await unlucky;
  assert.match(told.body, /It is started again in 7 min/, 'a request is not held for a start that comes too late');
});

test('a request that waited in vain for an app to be started again answers H10', async () => {
  await using resolver = await startTestResolver({ startingHoldMs: 100, probeMs: 30 });
  await resolver.route('shop', [], 'crashed', Date.now() - 1);
  const { status, headers } = await ask(resolver.port);
  assert.deepEqual([status, headers['retry-after']], [503, undefined]);
  await lineFor(resolver, 'H10');
});

test('more waiting requests than fit are answered with H11', async () => {
  await using resolver = await startTestResolver({ startingHoldMs: 300, probeMs: 30, heldPerApp: 3 });
  await resolver.route('shop', [], 'starting');
  await Promise.all(Array.from({ length: 5 }, () => ask(resolver.port)));
  await lineFor(resolver, 'H20');
  const codes = resolver.events.map((event) => (event.type === 'request_failed' ? event.code : ''));
  assert.equal(codes.filter((code) => code === 'H11').length, 2);
  assert.equal((await resolver.client.stats()).held, 0);
});

test('a client that leaves before the answer gets a line in the log, and the app goes on', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend(() => {});
  await resolver.route('shop', [backend.port]);
  const socket = connect(resolver.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n');
  await eventually('the app was asked', () => backend.connections.size === 1);
  socket.destroy();
  await lineFor(resolver, 'H27');
  await eventually('the app’s connection is closed', () => backend.connections.size === 0);
  const [target] = (await resolver.client.stats()).targets;
  assert.deepEqual([target?.requests, target?.quarantined], [0, false]);
});

test('a client that nearly stops sending its body is cut off, and a slow one is not', async () => {
  const rate = { minBytesPerSecond: 200, slowAfterMs: 200, slowSweepMs: 20 };
  await using resolver = await startTestResolver({ ...rate, lingerMs: 20 });
  await using backend = await startBackend((incoming, response) => {
    // An app that answers early must not make the drip legal.
    if (incoming.url === '/early') response.write('so far');
    incoming.resume();
    incoming.on('end', () => response.end('done'));
  });
  await resolver.route('shop', [backend.port]);
  const upload = (bytesEach: number, path = '/') => {
    const socket = connect(resolver.port, '127.0.0.1');
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.write(`POST ${path} HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 1000\r\n\r\n`);
    let left = 1_000;
    const timer = setInterval(() => {
      const count = Math.min(left, bytesEach);
      left -= count;
      if (socket.writable) socket.write('x'.repeat(count));
      if (left === 0 || !socket.writable) clearInterval(timer);
    }, 20);
    return { text: () => text, socket, stop: () => clearInterval(timer) };
  };
  const drip = upload(1);
  const slow = upload(25);
  const early = upload(1, '/early');
  await eventually('the drip is cut', () => drip.text().startsWith('HTTP/1.1 408'));
  await eventually('so is one whose answer has begun', () => early.socket.destroyed);
  await eventually('the slow one is served', () => slow.text().endsWith('done'));
  await lineFor(resolver, 'H28');
  for (const { socket, stop } of [drip, slow, early]) {
    stop();
    socket.destroy();
  }
});

test('clients that do not complete their headers are cut off, and others do not notice', async () => {
  await using resolver = await startTestResolver({ headersMs: 300 });
  await using backend = await startBackend((_incoming, response) => response.end('ok'));
  await resolver.route('shop', [backend.port]);
  const slow = Array.from({ length: 50 }, (_, at) =>
    exchangeBytes(resolver.port, at % 2 === 0 ? 'GET / HTTP/1.1\r\nHost: shop.local' : '\r\n', 3_000),
  );
  for (let at = 0; at < 20; at += 1) assert.equal((await ask(resolver.port)).status, 200);
  for (const text of await Promise.all(slow)) assert.match(text, /^HTTP\/1\.1 408 /);
});

test('the platform’s hostnames answer H99 while the orchestrator is down', async () => {
  await using resolver = await startTestResolver({ startingHoldMs: 100 });
  const door = { hostname: 'api.localhost', address: '127.0.0.1', port: await deadPort() };
  await resolver.client.publish({ version: 1, routes: [], reserved: [door] });
  const { status, body } = await ask(resolver.port, { host: door.hostname, headers: { Accept: 'application/json' } });
  assert.deepEqual([status, JSON.parse(body).id], [503, 'H99']);
});

test('an invalid request is answered with the reason, and its connection is closed', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => response.end('ok'));
  await resolver.route('shop', [backend.port]);
  const request = 'GET / HTTP/1.1\r\nHost: shop.localhost\r\n';
  const cookies = await exchangeBytes(resolver.port, `${request}Cookie: ${'x'.repeat(100_000)}\r\n\r\n`, 3_000);
  assert.match(cookies, /^HTTP\/1\.1 431 .*\r\nConnection: close\r\n.*cookies are the usual reason\. \(H25\)\n$/s);
  const words = await exchangeBytes(resolver.port, 'HELO shop.localhost\r\n\r\n', 3_000);
  assert.match(words, /^HTTP\/1\.1 400 .*\r\n\r\nBad request\. .* \(H26\)\n$/s);
  const second = await exchangeBytes(resolver.port, `${request}\r\nHELO again\r\n\r\n`, 3_000);
  assert.match(second, /^HTTP\/1\.1 200 .*\r\n\r\nokHTTP\/1\.1 400 .*\(H26\)\n$/s);
});

test('an invalid request behind another one is answered when that one has its whole answer', async () => {
  await using resolver = await startTestResolver();
  const waiting: ServerResponse[] = [];
  await using backend = await startBackend((_incoming, response) => {
    waiting.push(response);
    response.write('first half');
  });
  await resolver.route('shop', [backend.port]);
  const request = 'GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: keep-alive\r\n\r\n';
  for (const between of ['', request]) {
    const socket = connect(resolver.port, '127.0.0.1').on('error', () => {});
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.write(`${request}${between}HELO again\r\n\r\n`);
    for (const whole of between === '' ? [1] : [1, 2]) {
      await eventually('half an answer is there', () => text.split('first half').length === whole + 1);
      assert.doesNotMatch(text, /H26/);
      waiting.shift()?.end('second half');
    }
    await eventually('the connection is closed', () => socket.closed);
    assert.match(text, /second half\r\n0\r\n\r\nHTTP\/1\.1 400 .*\(H26\)\n$/s);
  }
});

test('CONNECT is refused', async () => {
  await using resolver = await startTestResolver();
  const text = await exchangeBytes(resolver.port, 'CONNECT shop.localhost:80 HTTP/1.1\r\nHost: shop.localhost\r\n\r\n');
  assert.match(text, /^HTTP\/1\.1 405 /);
});
