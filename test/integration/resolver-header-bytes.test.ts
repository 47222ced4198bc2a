import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import {
  type Backend,
  exchangeBytes,
  startRawBackend,
  startTestResolver,
  type TestResolver,
} from '../support/resolver.ts';

/** Heads are written here as latin1 text: one character is one byte. */
const japanese = Buffer.from('日本語').toString('latin1');
const accented = Buffer.from('résumé').toString('latin1');
const every = Array.from({ length: 128 }, (_, at) => String.fromCharCode(128 + at)).join('');

const lines = [
  `Content-Disposition: attachment; filename="${japanese}.pdf"`,
  `Content-Disposition: attachment; filename="${accented}.pdf"`,
  'Content-Disposition: attachment; filename="r\xe9sum\xe9.pdf"',
  `Location: /${japanese}`,
  `Set-Cookie: name=${every}`,
  `X-Every-Byte: ${every}`,
] as const;

const host = 'Host: shop.localhost\r\n';
const get = `GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;
const ok = 'HTTP/1.1 200 OK\r\n';

let resolver: TestResolver;
let backend: Backend;
/** What the app has received, and what it answers, in parts with a moment in between. */
let received = '';
let parts: readonly string[] = [];

before(async () => {
  resolver = await startTestResolver({ lingerMs: 20 });
  backend = await startRawBackend((socket) => {
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    socket.once('data', () => {
      const [first = '', ...others] = parts;
      socket.write(first, 'latin1');
      setTimeout(() => socket.end(others.join(''), 'latin1'), 20);
    });
  });
  await resolver.route('shop', [backend.port]);
});

after(async () => {
  await backend[Symbol.asyncDispose]();
  await resolver[Symbol.asyncDispose]();
});

function exchange(request: string, ...answer: string[]): Promise<string> {
  received = '';
  parts = answer;
  return exchangeBytes(resolver.port, Buffer.from(request, 'latin1'));
}

/** How an answer that has the line may be framed, and what the client asked. */
const answers: Readonly<Record<string, (line: string) => readonly [request: string, ...answer: string[]]>> = {
  'behind a length': (line) => [get, `${ok}Content-Length: 2\r\n${line}\r\n\r\nok`],
  'before a length': (line) => [get, `${ok}${line}\r\nContent-Length: 2\r\n\r\nok`],
  'before a body that comes later': (line) => [get, `${ok}Content-Length: 2\r\n${line}\r\n\r\n`, 'ok'],
  'before chunks': (line) => [get, `${ok}${line}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
  'before chunks that come later': (line) => [
    get,
    `${ok}Transfer-Encoding: chunked\r\n${line}\r\n\r\n`,
    '2\r\nok\r\n0\r\n\r\n',
  ],
  'before the end of the connection': (line) => [get, `${ok}${line}\r\n\r\n`, 'ok'],
  'without a body': (line) => [get, `HTTP/1.1 204 No Content\r\n${line}\r\n\r\n`],
  'with an empty body': (line) => [get, `${ok}Content-Length: 0\r\n${line}\r\n\r\n`],
  'not modified, with a length': (line) => [get, `HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n${line}\r\n\r\n`],
  'to HEAD': (line) => [get.replace('GET', 'HEAD'), `${ok}Content-Length: 5\r\n${line}\r\n\r\n`],
  'to a client of HTTP/1.0': (line) => [
    get.replace('HTTP/1.1', 'HTTP/1.0'),
    `${ok}Content-Length: 2\r\n${line}\r\n\r\n`,
    'ok',
  ],
  'to a client that is still sending': (line) => [
    `POST / HTTP/1.1\r\n${host}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n`,
    `${ok}Content-Length: 2\r\n${line}\r\n\r\nok`,
  ],
  'to a request to switch protocols, refused': (line) => [
    `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    `HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n${line}\r\n\r\n`,
    'no',
  ],
  'to a request to switch protocols, accepted': (line) => [
    `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${line}\r\n\r\n`,
  ],
};

for (const [name, framed] of Object.entries(answers)) {
  test(`bytes above 127 in an answer's head reach the client as they are: ${name}`, async () => {
    for (const line of lines) {
      const [request, ...answer] = framed(line);
      const text = await exchange(request, ...answer);
      assert.ok(text.includes(`\r\n${line}\r\n`), JSON.stringify(text));
    }
  });
}

test("bytes above 127 in an answer's reason and trailers reach the client as they are", async () => {
  const reason = await exchange(get, `HTTP/1.1 200 Tr\xe8s ${japanese}\r\nContent-Length: 2\r\n\r\n`, 'ok');
  assert.ok(reason.startsWith(`HTTP/1.1 200 Tr\xe8s ${japanese}\r\n`), JSON.stringify(reason));
  const trailers = `X-Sum: ${every}\r\nContent-Disposition: ${japanese}\r\n`;
  const chunked = `${ok}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n`;
  const whole = await exchange(get, `${chunked}2\r\nok\r\n0\r\n${trailers}\r\n`);
  assert.ok(whole.endsWith(`0\r\n${trailers}\r\n`), JSON.stringify(whole));
  const empty = await exchange(get, chunked, `0\r\n${trailers}\r\n`);
  assert.ok(empty.endsWith(`0\r\n${trailers}\r\n`), JSON.stringify(empty));
});

const close = 'Connection: close\r\n';

const requests: Readonly<Record<string, (line: string) => string>> = {
  GET: (line) => `GET / HTTP/1.1\r\n${host}${close}${line}\r\n\r\n`,
  'GET of HTTP/1.0': (line) => `GET / HTTP/1.0\r\n${host}${close}${line}\r\n\r\n`,
  HEAD: (line) => `HEAD / HTTP/1.1\r\n${host}${close}${line}\r\n\r\n`,
  'POST without a body': (line) => `POST / HTTP/1.1\r\n${host}${close}${line}\r\n\r\n`,
  'POST behind its length': (line) => `POST / HTTP/1.1\r\n${host}${close}Content-Length: 2\r\n${line}\r\n\r\nok`,
  'POST before its length': (line) => `POST / HTTP/1.1\r\n${host}${close}${line}\r\nContent-Length: 2\r\n\r\nok`,
  'POST in chunks': (line) =>
    `POST / HTTP/1.1\r\n${host}${close}Transfer-Encoding: chunked\r\n${line}\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  'DELETE with a body': (line) => `DELETE / HTTP/1.1\r\n${host}${close}Content-Length: 2\r\n${line}\r\n\r\nok`,
  'POST that waits for 100': (line) =>
    `POST / HTTP/1.1\r\n${host}${close}Expect: 100-continue\r\nContent-Length: 2\r\n${line}\r\n\r\nok`,
  'a switch of protocols': (line) =>
    `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n${line}\r\n\r\n`,
};

for (const [name, withLine] of Object.entries(requests)) {
  test(`bytes above 127 in a request's head reach the app as they are: ${name}`, async () => {
    for (const line of lines) {
      await exchange(withLine(line), `${ok}Connection: close\r\nContent-Length: 0\r\n\r\n`);
      assert.ok(received.includes(`\r\n${line}\r\n`), JSON.stringify(received));
    }
  });
}

test('bytes above 127 in the heads of one connection’s pipelined answers arrive as they are', async () => {
  received = '';
  const line = `X-Every-Byte: ${every}`;
  parts = [`${ok}Content-Length: 2\r\n${line}\r\n\r\n`, 'ok'];
  const socket = connect(resolver.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  const one = `GET / HTTP/1.1\r\n${host}\r\n`;
  socket.write(one + one + one);
  await eventually('three answers have come', () => text.split(`\r\n${line}\r\n`).length === 4 && text.endsWith('ok'));
  socket.destroy();
});
