import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readProxyHeader } from '../../src/resolver/proxy-header.ts';
import { proxyV2 } from '../support/proxy-header.ts';

const request = 'GET / HTTP/1.1\r\n';

function clientOf(bytes: Buffer): unknown {
  const header = readProxyHeader(Buffer.concat([bytes, Buffer.from(request)]));
  assert.ok(header.kind === 'header', header.kind);
  assert.equal(header.length, bytes.length);
  return header.client;
}

for (const [line, client] of [
  ['PROXY TCP4 203.0.113.7 10.0.0.1 56324 80', { address: '203.0.113.7', scheme: 'http' }],
  ['PROXY TCP4 203.0.113.7 10.0.0.1 56324 443', { address: '203.0.113.7', scheme: 'https' }],
  ['PROXY TCP6 2001:db8::7 2001:db8::1 56324 80', { address: '2001:db8::7', scheme: 'http' }],
  ['PROXY TCP6 ::ffff:203.0.113.7 ::1 56324 80', { address: '203.0.113.7', scheme: 'http' }],
  ['PROXY UNKNOWN', null],
  ['PROXY UNKNOWN anything at all', null],
] as const) {
  test(`version 1: ${line}`, () => assert.deepEqual(clientOf(Buffer.from(`${line}\r\n`)), client));
}

for (const line of [
  'PROXY \r\n',
  'PROXY TCP4\r\n',
  'PROXY TCP4 203.0.113.7 10.0.0.1 56324\r\n',
  'PROXY TCP4 203.0.113.7 10.0.0.1 56324 80 more\r\n',
  'PROXY TCP4  203.0.113.7 10.0.0.1 56324 80\r\n',
  'PROXY TCP4 203.0.113.256 10.0.0.1 56324 80\r\n',
  'PROXY TCP4 2001:db8::7 10.0.0.1 56324 80\r\n',
  'PROXY TCP6 203.0.113.7 10.0.0.1 56324 80\r\n',
  'PROXY TCP4 203.0.113.7 10.0.0.1 65536 80\r\n',
  'PROXY TCP4 203.0.113.7 10.0.0.1 080 80\r\n',
  'PROXY TCP4 203.0.113.7 10.0.0.1 -1 80\r\n',
  'PROXY UDP4 203.0.113.7 10.0.0.1 56324 80\r\n',
  `PROXY UNKNOWN ${'x'.repeat(100)}\r\n`,
  `PROXY TCP4 ${'1'.repeat(200)}`,
]) {
  test(`version 1, malformed: ${JSON.stringify(line.slice(0, 60))}`, () => {
    assert.equal(readProxyHeader(Buffer.from(line)).kind, 'malformed');
  });
}

const v4 = { address: '203.0.113.7', port: 80 };
for (const [name, bytes, client] of [
  ['IPv4', proxyV2(v4), { address: '203.0.113.7', scheme: 'http' }],
  ['IPv4 to port 443', proxyV2({ ...v4, port: 443 }), { address: '203.0.113.7', scheme: 'https' }],
  ['IPv6', proxyV2({ address: '2001:db8::7', port: 80 }), { address: '2001:db8::7', scheme: 'http' }],
  [
    'IPv4 written as IPv6',
    proxyV2({ address: '::ffff:203.0.113.7', port: 80 }),
    { address: '203.0.113.7', scheme: 'http' },
  ],
  ['over TLS', proxyV2({ ...v4, tls: 0x01 }), { address: '203.0.113.7', scheme: 'https' }],
  ['not over TLS, and it says so', proxyV2({ ...v4, tls: 0x00 }), { address: '203.0.113.7', scheme: 'http' }],
  ['LOCAL', proxyV2({ ...v4, command: 0 }), null],
  ['another family', proxyV2({ ...v4, family: 0x31 }), null],
] as const) {
  test(`version 2: ${name}`, () => assert.deepEqual(clientOf(bytes), client));
}

for (const [name, bytes] of [
  ['another version', proxyV2({ ...v4, version: 3 })],
  ['another command', proxyV2({ ...v4, command: 2 })],
  ['too short for its addresses', proxyV2({ ...v4, body: Buffer.alloc(11) })],
  ['longer than any proxy sends', proxyV2({ ...v4, body: Buffer.alloc(5_000) })],
  ['a field that is longer than the header', proxyV2({ ...v4, fields: Buffer.from([0x20, 0, 9, 1]) })],
  ['half a field', proxyV2({ ...v4, fields: Buffer.from([0x20, 0]) })],
  ['a field on TLS without its parts', proxyV2({ ...v4, fields: Buffer.from([0x20, 0, 1, 1]) })],
] as const) {
  test(`version 2, malformed: ${name}`, () => assert.equal(readProxyHeader(bytes).kind, 'malformed'));
}

for (const bytes of [
  request,
  'POST / HTTP/1.1\r\n',
  'PROXZ',
  'PUT',
  '\r\nGET / HTTP/1.1\r\n',
  '\r\n\r\n\r\n',
  '\x16\x03\x01',
]) {
  test(`no header: ${JSON.stringify(bytes)}`, () => assert.equal(readProxyHeader(Buffer.from(bytes)).kind, 'none'));
}

test('a partial header needs more bytes', () => {
  for (const whole of [Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n'), proxyV2({ ...v4, tls: 1 })]) {
    for (let length = 0; length < whole.length; length += 1)
      assert.equal(readProxyHeader(whole.subarray(0, length)).kind, 'partial', `${length} bytes`);
    assert.equal(readProxyHeader(whole).kind, 'header');
  }
});

test('no bytes make the parser throw or return an invalid address', () => {
  const start = fc.constantFrom(Buffer.from('PROXY '), proxyV2(v4).subarray(0, 12), Buffer.alloc(0));
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), (begin, rest) => {
      const header = readProxyHeader(Buffer.concat([begin, rest]));
      if (header.kind === 'header' && header.client) assert.match(header.client.address, /^[0-9a-f.:]+$/);
    }),
  );
});
