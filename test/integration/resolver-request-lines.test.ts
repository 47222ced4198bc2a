import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually } from '../support/eventually.ts';
import { ask, startBackend, startTestResolver, type TestResolver } from '../support/resolver.ts';

const requestId = 'f9ed4675f1c53513c61a3b3b4e25b4c0';

function lines(resolver: TestResolver): readonly string[] {
  return resolver.events.flatMap((event) => (event.type === 'request_served' ? [event.text] : []));
}

function line(resolver: TestResolver, path: string): Promise<string> {
  return eventually(`the log has ${path}`, () => lines(resolver).find((text) => text.includes(`path="${path}"`)));
}

test("each request has a line in its app's log, in the form of Heroku’s router", async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((incoming, response) => {
    if (incoming.url === '/created') response.writeHead(201);
    response.end(incoming.method === 'HEAD' ? undefined : 'hello');
  });
  await resolver.route('shop', [backend.port]);
  await ask(resolver.port, { path: '/a?b=1', headers: { 'X-Request-Id': requestId } });
  assert.match(
    await line(resolver, '/a?b=1'),
    new RegExp(
      `^at=info method=GET path="/a\\?b=1" host=shop\\.localhost request_id=${requestId} fwd="127\\.0\\.0\\.1" ` +
        'dyno=web\\.1 connect=\\d+ms service=\\d+ms status=200 bytes=5 protocol=http$',
    ),
  );
  await ask(resolver.port, { path: '/created', method: 'POST', body: 'x' });
  assert.match(await line(resolver, '/created'), / method=POST .* status=201 bytes=5 /);
  await ask(resolver.port, { path: '/head', method: 'HEAD' });
  assert.match(await line(resolver, '/head'), / method=HEAD .* status=200 bytes=0 /);
  const [event] = resolver.events.filter(({ type }) => type === 'request_served');
  assert.deepEqual(event?.type === 'request_served' && [event.appId, event.release], ['shop', 1]);
  assert.equal(lines(resolver).length, 3, 'once each');
});

test('an event stream and a WebSocket get their line when they end', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => response.write('data: 1\n\n'));
  const sockets = new WebSocketServer({ server: backend.server });
  sockets.on('connection', (socket) => socket.send('hello'));
  await resolver.route('shop', [backend.port]);

  const options = { host: '127.0.0.1', port: resolver.port, path: '/events', headers: { Host: 'shop.localhost' } };
  const reader = request(options).end();
  const [answer] = await once(reader, 'response');
  await once(answer, 'data');
  assert.deepEqual(lines(resolver), []);
  reader.destroy();
  assert.match(await line(resolver, '/events'), / dyno=web\.1 .* status=200 bytes=9 /);

  const socket = new WebSocket(`ws://127.0.0.1:${resolver.port}/socket`, { headers: { Host: 'shop.localhost' } });
  await once(socket, 'message');
  socket.terminate();
  assert.match(await line(resolver, '/socket'), / method=GET .* status=101 bytes=7 /);
  sockets.close();
});

test('requests beyond the limit of lines are counted', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => response.end('hello'));
  await resolver.route('shop', [backend.port]);
  await Promise.all(Array.from({ length: 400 }, () => ask(resolver.port)));
  const told = await eventually('all of them are told or counted', () => {
    const one = lines(resolver).filter((text) => text.includes(' status=200 ')).length;
    const counts = lines(resolver).map((text) => Number(/^at=info desc=.* requests=(\d+)$/.exec(text)?.[1] ?? 0));
    return one + counts.reduce((sum, count) => sum + count, 0) === 400 && one;
  });
  assert.ok(told >= 100 && told < 400, String(told));
});

test('a failed request has only the line of its failure', async () => {
  await using resolver = await startTestResolver();
  await resolver.route('shop', [], 'blank');
  await using backend = await startBackend((_incoming, response) => response.end('hello'));
  await resolver.route('blog', [backend.port]);
  await ask(resolver.port, { path: '/failed' });
  await ask(resolver.port, { host: 'blog.localhost', path: '/served' });
  await line(resolver, '/served');
  const failed = resolver.events.filter((event) => 'text' in event && event.text.includes('/failed'));
  assert.deepEqual(
    failed.map(({ type }) => type),
    ['request_failed'],
  );
});
