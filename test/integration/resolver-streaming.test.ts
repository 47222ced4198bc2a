import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { ask, exchangeBytes, startBackend, startRawBackend, startTestResolver } from '../support/resolver.ts';

const megabyte = 1024 * 1024;

test('a large body goes to the app and comes back unchanged', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((incoming, response) => incoming.pipe(response));
  await resolver.route('shop', [backend.port]);
  const sent = randomBytes(8 * megabyte);
  const hash = createHash('sha256');
  await new Promise<void>((resolve, reject) => {
    const options = { port: resolver.port, method: 'POST', headers: { Host: 'shop.localhost' } };
    const outgoing = request(options, (answer) => {
      answer.on('data', (chunk) => hash.update(chunk));
      answer.on('end', resolve);
    });
    outgoing.on('error', reject);
    for (let at = 0; at < sent.length; at += megabyte) outgoing.write(sent.subarray(at, at + megabyte));
    outgoing.end();
  });
  assert.equal(hash.digest('hex'), createHash('sha256').update(sent).digest('hex'));
});

test('a client that does not read makes the app wait, and the resolver buffers little', async () => {
  await using resolver = await startTestResolver();
  const chunk = Buffer.alloc(megabyte);
  let written = 0;
  await using backend = await startBackend((_incoming, response) => {
    const write = () => {
      while (written < 400) {
        written += 1;
        if (!response.write(chunk)) return void response.once('drain', write);
      }
      response.end();
    };
    write();
  });
  await resolver.route('shop', [backend.port]);
  const client = connect(resolver.port, '127.0.0.1', () =>
    client.write('GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n'),
  );
  client.pause();
  await eventually('the app has begun to answer', () => written > 0);
  let before = -1;
  await eventually(
    'the app waits',
    () => {
      const waits = written === before;
      before = written;
      return waits;
    },
    { everyMs: 200 },
  );
  assert.ok(written < 40, `the app could write ${written} MiB`);
  client.destroy();
});

test('an app that does not read makes the client wait', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((incoming) => incoming.pause());
  await resolver.route('shop', [backend.port]);
  const options = { port: resolver.port, method: 'POST', headers: { Host: 'shop.localhost' } };
  const outgoing = request(options);
  outgoing.on('error', () => {});
  let taken = 0;
  const chunk = Buffer.alloc(megabyte);
  const write = () => {
    while (taken < 400) {
      taken += 1;
      if (!outgoing.write(chunk)) return void outgoing.once('drain', write);
    }
  };
  write();
  let before = -1;
  await eventually(
    'the client waits',
    () => {
      const waits = taken > 1 && taken === before;
      before = taken;
      return waits;
    },
    { everyMs: 200 },
  );
  assert.ok(taken < 40, `the client could send ${taken} MiB`);
  outgoing.destroy();
});

test('the head of an event stream arrives before its first event, and each event at once', async () => {
  await using resolver = await startTestResolver();
  const clients: { write(text: string): void }[] = [];
  await using backend = await startBackend((_incoming, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    clients.push(response);
  });
  await resolver.route('shop', [backend.port]);
  const heard: string[] = [];
  const outgoing = request({ port: resolver.port, headers: { Host: 'shop.localhost' } });
  outgoing.on('error', () => {});
  outgoing.on('response', (answer) => {
    heard.push(String(answer.statusCode));
    answer.on('data', (chunk) => heard.push(String(chunk)));
    answer.on('error', () => {});
  });
  outgoing.end();
  await eventually('the head is here', () => heard.length === 1);
  clients[0]?.write('data: one\n\n');
  await eventually('the event is here', () => heard.length === 2);
  assert.deepEqual(heard, ['200', 'data: one\n\n']);
  outgoing.destroy();
});

test('20 readers of event streams disconnect and leave no open connection', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('data: hello\n\n');
  });
  await resolver.route('shop', [backend.port]);
  const readers = Array.from({ length: 20 }, () => {
    const socket = connect(resolver.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n');
    return socket;
  });
  await Promise.all(readers.map((socket) => new Promise((resolve) => socket.once('data', resolve))));
  assert.equal(backend.connections.size, 20);
  for (const socket of readers) socket.destroy();
  await eventually('the app’s connections are closed', () => backend.connections.size === 0);
  const { targets, connections } = await resolver.client.stats();
  assert.deepEqual({ requests: targets[0]?.requests, connections }, { requests: 0, connections: 0 });
});

test('an app that dies in the middle of its answer cuts the client’s connection', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => {
    response.write('half');
    setTimeout(() => response.destroy(), 20);
  });
  await resolver.route('shop', [backend.port]);
  await assert.rejects(ask(resolver.port), { code: 'ECONNRESET' });
  await eventually('the log says so', () =>
    resolver.events.some((event) => event.type === 'request_failed' && event.code === 'H18'),
  );
});

test('an app may answer before it has read the upload, and the client reads the answer', async () => {
  await using resolver = await startTestResolver({ lingerMs: 500 });
  await using backend = await startBackend((_incoming, response) => {
    response.writeHead(413);
    response.end('too large');
  });
  await resolver.route('shop', [backend.port]);
  const body = Buffer.alloc(8 * megabyte);
  const { status, body: text } = await ask(resolver.port, { method: 'POST', body });
  assert.deepEqual({ status, text }, { status: 413, text: 'too large' });
});

test('the app decides whether a client with Expect: 100-continue may send its body', async () => {
  await using resolver = await startTestResolver();
  const bodies: string[] = [];
  await using backend = await startBackend((incoming, response) => {
    incoming.on('data', (chunk) => bodies.push(String(chunk)));
    incoming.on('end', () => response.end('taken'));
  });
  backend.server.on('checkContinue', (incoming, response) => {
    if (incoming.url === '/no') return void response.writeHead(417).end();
    response.writeContinue();
    backend.server.emit('request', incoming, response);
  });
  await resolver.route('shop', [backend.port]);
  const head = (path: string) =>
    `POST ${path} HTTP/1.1\r\nHost: shop.localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n`;
  assert.match(await exchangeBytes(resolver.port, head('/no')), /^HTTP\/1\.1 417 /);

  const socket = connect(resolver.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.write(head('/yes'));
  await eventually('the app says go on', () => text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
  assert.deepEqual(bodies, []);
  socket.write('hello');
  await eventually('the app has answered', () => text.includes('taken'));
  assert.deepEqual(bodies, ['hello']);
  socket.destroy();
});

test('a chunked answer is sent without chunks to an HTTP/1.0 client', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => {
    response.write('one');
    response.end('two');
  });
  await resolver.route('shop', [backend.port]);
  const text = await exchangeBytes(resolver.port, 'GET / HTTP/1.0\r\nHost: shop.localhost\r\n\r\n');
  const [head, body] = text.split('\r\n\r\n');
  assert.equal(body, 'onetwo');
  assert.doesNotMatch(head ?? '', /transfer-encoding/i);
});

test('an answer that ends with its connection arrives complete', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startRawBackend((socket) => {
    socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\nX-Old: yes\r\n\r\nall of it'));
  });
  await resolver.route('shop', [backend.port]);
  const { headers, body } = await ask(resolver.port);
  assert.deepEqual([headers['x-old'], body], ['yes', 'all of it']);
});

test('after an answer without a body the connection serves the next request', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((incoming, response) => {
    if (incoming.url === '/204') response.writeHead(204).end();
    else if (incoming.url === '/304') response.writeHead(304, { ETag: '"1"' }).end();
    else response.writeHead(200, { 'Content-Length': '5' }).end('hello');
  });
  await resolver.route('shop', [backend.port]);
  const requests = ['GET /204', 'GET /304', 'HEAD /', 'GET /'];
  const bytes = requests.map((line, at) => {
    const last = at === requests.length - 1 ? 'Connection: close\r\n' : '';
    return `${line} HTTP/1.1\r\nHost: shop.localhost\r\n${last}\r\n`;
  });
  const text = await exchangeBytes(resolver.port, bytes.join(''));
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 204', 'HTTP/1.1 304', 'HTTP/1.1 200', 'HTTP/1.1 200']);
  assert.ok(text.endsWith('\r\n\r\nhello'));
});

test('trailers of an answer are passed on', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => {
    response.writeHead(200, { Trailer: 'X-Checksum' });
    response.write('body');
    response.addTrailers({ 'X-Checksum': 'abc' });
    response.end();
  });
  await resolver.route('shop', [backend.port]);
  const text = await exchangeBytes(
    resolver.port,
    'GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n',
  );
  assert.match(text, /\r\n0\r\nX-Checksum: abc\r\n\r\n$/);
});
