import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import { exchangeBytes, startBackend, startTestResolver } from '../support/resolver.ts';
import { seeded } from '../support/seeded.ts';

const host = 'Host: shop.localhost\r\n';

function get(path: string, fields = ''): string {
  return `GET ${path} HTTP/1.1\r\n${host}${fields}\r\n`;
}

/** The bodies of answers with a length each. */
function bodiesOf(answers: string): readonly string[] {
  return [...answers.matchAll(/Content-Length: (\d+)\r\n(?:[^\r]+\r\n)*\r\n/gi)].map(({ 0: head, 1: length, index }) =>
    answers.slice(index + head.length).slice(0, Number(length)),
  );
}

test('the requests of one connection reach the app one at a time and in their order, also a POST and a GET', async () => {
  await using resolver = await startTestResolver();
  const arrived: string[] = [];
  const waiting: ServerResponse[] = [];
  await using backend = await startBackend((incoming, response) => {
    arrived.push(`${incoming.method} ${incoming.url}`);
    incoming.resume().on('end', () => waiting.push(response));
  });
  await resolver.route('shop', [backend.port]);
  const post = `POST /1 HTTP/1.1\r\n${host}Content-Length: 4\r\n\r\nbody`;
  const chunked = `PUT /3 HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nA: b\r\n\r\n`;
  const answers = exchangeBytes(resolver.port, post + get('/2') + chunked + get('/4', 'Connection: close\r\n'));
  const expected = ['POST /1', 'GET /2', 'PUT /3', 'GET /4'];
  for (let count = 1; count <= expected.length; count += 1) {
    await eventually('the next request is there', () => waiting.length === 1);
    assert.deepEqual(arrived, expected.slice(0, count));
    waiting.pop()?.end(`answer ${count}`);
  }
  assert.deepEqual(bodiesOf(await answers), ['answer 1', 'answer 2', 'answer 3', 'answer 4']);
});

test('however the bytes of many requests are cut, each is answered once and in order', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk) => (body += chunk)).on('end', () => response.end(`${incoming.url} ${body}`));
  });
  await resolver.route('shop', [backend.port]);
  const random = seeded(20_261_129);
  const requests = Array.from({ length: 60 }, (_, at) => {
    const body = `${at}`.repeat(1 + random(5));
    const chunks = [...body].map((digit) => `1;ext=0\r\n${digit}\r\n`).join('');
    const forms = [
      { bytes: get(`/${at}`), body: '' },
      { bytes: `POST /${at} HTTP/1.1\r\n${host}Content-Length: ${body.length}\r\n\r\n${body}`, body },
      {
        bytes: `\r\nPOST /${at} HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\nT: 0\r\n\r\n`,
        body,
      },
      { bytes: `POST /${at} HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n`, body: '' },
    ];
    const form = forms[random(forms.length)] ?? { bytes: '', body: '' };
    return { bytes: form.bytes, answer: `/${at} ${form.body}` };
  });
  const bytes = Buffer.from(requests.map((request) => request.bytes).join('') + get('/last', 'Connection: close\r\n'));
  for (const longest of [3, 40, 700, bytes.length]) {
    const socket = connect({ host: '127.0.0.1', port: resolver.port, noDelay: true });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    for (let at = 0; at < bytes.length; ) {
      const to = at + 1 + random(longest);
      await new Promise((resolve) => socket.write(bytes.subarray(at, to), resolve));
      at = to;
    }
    await eventually('all is answered', () => socket.closed, { deadlineMs: 20_000 });
    assert.deepEqual(bodiesOf(text), [...requests.map(({ answer }) => answer), '/last ']);
  }
});

test('requests to a hostname without an app are answered in turn, and others are served between them', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => response.end('served'));
  await resolver.route('shop', [backend.port]);
  const lost = 'GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n';
  const many = 1_500;
  const all = exchangeBytes(resolver.port, lost.repeat(many) + get('/', 'Connection: close\r\n'), scaled(30_000));
  assert.match(await exchangeBytes(resolver.port, get('/', 'Connection: close\r\n')), /served$/);
  const text = await all;
  assert.equal(text.match(/HTTP\/1\.1 404 /g)?.length, many);
  assert.match(text, /served$/);
});

test('what a client sends ahead of its answers is limited, for one connection and in all', async () => {
  await using resolver = await startTestResolver({ readAheadBytes: 100_000 });
  await using backend = await startBackend(() => {});
  await resolver.route('shop', [backend.port]);
  const flood = (bytes: number) => {
    const socket = connect(resolver.port, '127.0.0.1').on('error', () => {});
    socket.write(get('/'));
    socket.write(Buffer.alloc(bytes, get('/')));
    return socket;
  };
  const first = flood(60_000);
  await eventually('the first one is being served', () => backend.connections.size === 1);
  await eventually('its bytes are read', () => first.writableLength === 0);
  const second = flood(60_000);
  await eventually('the second one is cut', () => second.destroyed || second.closed);
  assert.equal(first.destroyed, false);
  first.destroy();
  const third = flood(10_000_000);
  await eventually('the third one is being served', () => backend.connections.size >= 1);
  assert.ok(third.writableLength > 1_000_000 || third.destroyed, `${third.writableLength} bytes were not taken`);
  third.destroy();
});

test('a WebSocket behind another request gets its bytes, and so does one whose first frame came with its head', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => response.end('before'));
  const sockets = new WebSocketServer({ server: backend.server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`heard ${data}`)));
  await resolver.route('shop', [backend.port]);
  const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
  const upgrade = get('/', `Connection: Upgrade\r\nUpgrade: websocket\r\n${key}`);
  // A masked text frame with the mask 0.
  const frame = '\x81\x82\0\0\0\0hi';
  const socket = connect(resolver.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.write(`${get('/')}${upgrade}${frame}`, 'latin1');
  await eventually('the frame is answered', () => text.includes('heard hi'));
  socket.write(frame, 'latin1');
  await eventually('the next one too', () => text.split('heard hi').length === 3);
  assert.match(text, /^HTTP\/1\.1 200 .*before.*HTTP\/1\.1 101 /s);
  socket.destroy();
  sockets.close();
});

test('a client that waits for 100 Continue gets it behind another answer, and CONNECT behind one is refused', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((incoming, response) => {
    incoming.resume().on('end', () => response.end('done'));
  });
  await resolver.route('shop', [backend.port]);
  const socket = connect(resolver.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.write(`${get('/')}PUT / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n`);
  await eventually('it may go on', () => text.includes('HTTP/1.1 100 Continue'));
  socket.write(`body${get('/')}CONNECT shop.localhost:80 HTTP/1.1\r\n${host}\r\n`);
  await eventually('the connection is closed', () => socket.closed);
  assert.deepEqual(
    [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
    ['200', '100', '200', '200', '405'],
  );
});

test('an expectation that nobody knows is refused with 417, and the next request is served', async () => {
  await using resolver = await startTestResolver();
  await using backend = await startBackend((_incoming, response) => response.end('served'));
  await resolver.route('shop', [backend.port]);
  const text = await exchangeBytes(
    resolver.port,
    get('/', 'Expect: the-unexpected\r\n') + get('/', 'Connection: close\r\n'),
  );
  assert.match(text, /^HTTP\/1\.1 417 .*HTTP\/1\.1 200 .*served$/s);
});

test('a client that has closed its side gets the answers to all that it sent', async () => {
  await using resolver = await startTestResolver();
  const waiting: ServerResponse[] = [];
  await using backend = await startBackend((_incoming, response) => waiting.push(response));
  await resolver.route('shop', [backend.port]);
  const socket = connect({ host: '127.0.0.1', port: resolver.port, allowHalfOpen: true });
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  let isOver = false;
  socket.on('end', () => {
    isOver = true;
  });
  socket.end(get('/1') + get('/2'));
  for (const answer of ['one', 'two']) {
    await eventually('the request is there', () => waiting.length === 1);
    waiting.pop()?.end(answer);
  }
  await eventually('the answers are over', () => isOver);
  assert.deepEqual(bodiesOf(text), ['one', 'two']);
});

test('a client that has left is noticed, although it may only have closed its side', async () => {
  await using resolver = await startTestResolver({ halfClosedMs: 50 });
  await using backend = await startBackend((incoming, response) => {
    if (incoming.url === '/stream') response.write('data: 1\n\n');
  });
  await resolver.route('shop', [backend.port]);
  for (const path of ['/hangs', '/stream']) {
    const socket = connect(resolver.port, '127.0.0.1');
    socket.write(get(path));
    await eventually('the app has the request', () => backend.connections.size === 1);
    socket.destroy();
    await eventually('the app is rid of it', () => backend.connections.size === 0);
  }
});
