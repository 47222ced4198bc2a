import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import {
  ask,
  type Backend,
  exchangeBytes,
  startRawBackend,
  startTestResolver,
  type TestResolver,
} from '../support/resolver.ts';

const get = 'GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n';
const old = get.replace('HTTP/1.1', 'HTTP/1.0');
const head = get.replace('GET', 'HEAD');
const ok = 'HTTP/1.1 200 OK\r\n';
const date = 'Date: today\r\n';
const via = 'Via: 1.1 paas\r\n';
const end = 'Connection: close\r\n\r\n';
const two = 'Content-Length: 2\r\n';
const coded = 'Transfer-Encoding: chunked\r\n';
const clean = `${ok}${date}${via}${two}${end}ok`;
const cleanChunks = `${ok}${date}${coded}${via}${end}2\r\nok\r\n0\r\n\r\n`;

let resolver: TestResolver;
let backend: Backend;
let answer = '';
let connections = 0;

before(async () => {
  resolver = await startTestResolver();
  backend = await startRawBackend((socket) => {
    connections += 1;
    socket.on('data', () => {
      socket.write(answer, 'latin1');
      // An answer without a length ends with the connection.
      if (!/content-length|transfer-encoding/i.test(answer)) socket.end();
    });
  });
  await resolver.route('shop', [backend.port]);
});

after(async () => {
  await backend[Symbol.asyncDispose]();
  await resolver[Symbol.asyncDispose]();
});

const rows: readonly (readonly [name: string, answer: string, received: string, request?: string])[] = [
  ['line feeds alone', `HTTP/1.1 200 OK\nDate: today\n${two.trim()}\n\nok`, clean],
  ['an empty line before it', `\r\n${ok}${date}${two}\r\nok`, clean],
  ['blanks around names and values', `${ok}Date :today \t\r\nContent-Length\t: 2\r\n\r\nok`, clean],
  ['folded values', `${ok}Date:\r\n  today\r\n${two}\r\nok`, clean],
  ['no reason', `HTTP/1.1 200\r\n${date}${two}\r\nok`, clean.replace(' OK', ' ')],
  ['HTTP/1.0', `HTTP/1.0 200 OK\r\n${date}${two}\r\nok`, clean],
  ['HTTP/1.2', `HTTP/1.2 200 OK\r\n${date}${two}\r\nok`, clean],
  ['the same length twice', `${ok}${date}${two}${two}\r\nok`, clean],
  ['the same length in a list', `${ok}${date}Content-Length: 2, 2\r\n\r\nok`, clean],
  ['more than its length', `${ok}${date}${two}\r\nok${ok}${two}\r\nno`, clean],
  ['a length beside chunks', `${ok}${date}Content-Length: 9\r\n${coded}\r\n2\r\nok\r\n0\r\n\r\n`, cleanChunks],
  ['chunked twice', `${ok}${date}${coded}${coded}\r\n2\r\nok\r\n0\r\n\r\n`, cleanChunks],
  [
    'chunked twice in a list',
    `${ok}${date}Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    cleanChunks,
  ],
  ['chunks with line feeds, blanks and extensions', `${ok}${date}${coded}\r\n02;a=b\nok\n0 \n\n`, cleanChunks],
  [
    'neither length nor chunks',
    `${ok}${date}\r\nok`,
    cleanChunks.replace(coded + via, via + coded).replace(coded + end, end.replace('\r\n\r\n', `\r\n${coded}\r\n`)),
  ],
  ['neither length nor chunks, for HTTP/1.0', `${ok}${date}\r\nok`, `${ok}${date}${via}${end}ok`, old],
  ['chunks, for HTTP/1.0', `${ok}${date}${coded}\r\n2\r\nok\r\n0\r\n\r\n`, `${ok}${date}${via}${end}ok`, old],
  [
    '204 with a length',
    `HTTP/1.1 204 No Content\r\n${date}${two}\r\n`,
    `HTTP/1.1 204 No Content\r\n${date}${via}${end}`,
  ],
  [
    '304 with two lengths',
    `HTTP/1.1 304 Not Modified\r\n${date}${two}${two}\r\n`,
    `HTTP/1.1 304 Not Modified\r\n${date}${via}${two}${end}`,
  ],
  ['HEAD with a body', `${ok}${date}${two}\r\nok`, `${ok}${date}${via}${two}${end}`, head],
  ['news before it', `HTTP/1.1 103 Early Hints\nLink: x\n\n${ok}${date}${two}\r\nok`, clean],
  [
    'trailers that would change its framing',
    `${ok}${date}${coded}Trailer: A\r\n\r\n2\r\nok\r\n0\r\nContent-Length: 9\r\nA : b\n\n`,
    `${ok}${date}Trailer: A\r\n${coded}${via}${end}2\r\nok\r\n0\r\nA: b\r\n\r\n`,
  ],
  [
    'a head of 60 KB',
    `${ok}${date}A: ${'x'.repeat(60_000)}\r\n${two}\r\nok`,
    clean.replace(via, `A: ${'x'.repeat(60_000)}\r\n${via}`),
  ],
];

for (const [name, given, received, request = get] of rows) {
  test(`an answer that other proxies accept is passed on in one clean form: ${name}`, async () => {
    answer = given;
    assert.equal(await exchangeBytes(resolver.port, request), received);
  });
}

test('what follows a complete answer is discarded with its connection, and the next request gets its own answer', async () => {
  answer = `${ok}${two}\r\nok${ok}Content-Length: 4\r\n\r\nevil`;
  await ask(resolver.port);
  const before = connections;
  answer = `${ok}${two}\r\nok`;
  assert.equal((await ask(resolver.port)).body, 'ok');
  assert.equal((await ask(resolver.port)).body, 'ok');
  assert.equal(connections, before + 1, 'a clean connection is used again');
});

/** The last ones are malformed behind their head: the client has a part of them, and its connection is cut. */
const malformed: readonly (readonly [answer: string, rule: string])[] = [
  [`${ok}${two}Content-Length: 3\r\n\r\nok`, 'two different Content-Length values (RFC 9112 6.3)'],
  [`${ok}${two}A: b\0\r\n\r\nok`, 'a control character in the value of A (RFC 9110 5.5)'],
  [`${ok}${two}A: b\rC: d\r\n\r\nok`, 'a carriage return inside a line (RFC 9112 2.2)'],
  [`${ok}Transfer-Encoding: zip\r\n\r\n`, 'a transfer coding that no client asked for: zip (RFC 9112 7)'],
  [`${ok}${two}A: ${'x'.repeat(70_000)}\r\n\r\nok`, 'a head of more than 65536 bytes (PAAS_ANSWER_HEAD_KIB)'],
  [`${ok}${coded}\r\n2\r\nokx\r\n`, 'a chunk that is longer than its size (RFC 9112 7.1)'],
  [`${ok}${coded}\r\nok\r\n`, 'a chunk whose size is no number (RFC 9112 7.1)'],
];

for (const [given, rule] of malformed) {
  test(`the log line of a malformed answer names the rule: ${rule}`, async () => {
    answer = given;
    const received = await exchangeBytes(resolver.port, get);
    if (given.startsWith(ok + coded)) assert.ok(!received.endsWith('0\r\n\r\n'), received);
    else assert.match(received, /^HTTP\/1\.1 503 .*\(H17, request/s);
    await eventually('the line is there', () =>
      resolver.events.some(
        (event) =>
          event.type === 'request_failed' &&
          event.text.startsWith(`at=error code=H17 desc="Poorly formatted HTTP response" rule="${rule}" method=GET `),
      ),
    );
  });
}
