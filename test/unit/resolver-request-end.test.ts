import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RequestEnd } from '../../src/resolver/request-end.ts';

const heads = ['GET / HTTP/1.1\r\n\r\n', 'POST /\r\n HTTP/1.1\r\nA: b\r\n\r\n'];
const bodies: readonly (readonly [text: string, length: number | 'chunked'])[] = [
  ['x', 1],
  ['POST / HTTP/1.1\r\n\r\n', 19],
  ['0\r\n\r\n', 'chunked'],
  ['1\r\nx\r\n0\r\n\r\n', 'chunked'],
  ['00A;a=f"0"\r\n0\r\n\r\n0\r\n\r\n\r\n0;x\r\n\r\n', 'chunked'],
  ['13\r\nPOST / HTTP/1.1\r\n\r\n\r\n0\r\nTrailer: 0\r\nMore: \r\n\r\n', 'chunked'],
];

/** The parts that are found when the bytes arrive cut at these places. */
function partsOf(text: string, lengths: readonly (number | 'chunked' | null)[], cuts: readonly number[]): string[] {
  const end = new RequestEnd();
  const found: string[] = [''];
  let inBody = false;
  let request = 0;
  const places = [0, ...cuts.map((cut) => cut % text.length).sort((a, b) => a - b), text.length];
  for (let at = 1; at < places.length; at += 1) {
    let bytes = Buffer.from(text.slice(places[at - 1], places[at]));
    while (bytes.length > 0) {
      const to = inBody ? end.ofBody(bytes) : end.ofHead(bytes);
      found[found.length - 1] += bytes.subarray(0, to ?? bytes.length).toString();
      bytes = bytes.subarray(to ?? bytes.length);
      if (to === null) continue;
      const length = lengths[request] ?? null;
      if (inBody || length === null) {
        request += 1;
        inBody = false;
        found.push('');
        end.over();
      } else {
        inBody = true;
        end.bodyIs(length);
      }
    }
  }
  return found.slice(0, -1);
}

test('the end of each request is found however its bytes are cut', () => {
  const one = fc.record({ head: fc.constantFrom(...heads), body: fc.option(fc.constantFrom(...bodies)) });
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 6 }), fc.array(fc.nat(), { maxLength: 40 }), (all, cuts) => {
      const texts = all.map(({ head, body }) => head + (body?.[0] ?? ''));
      const lengths = all.map(({ body }) => body?.[1] ?? null);
      assert.deepEqual(partsOf(texts.join(''), lengths, cuts), texts);
    }),
  );
});

test('bytes without sense are passed too: the end is never before the beginning and never behind the bytes', () => {
  const piece = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constantFrom('\r\n', '-1\r\n', 'f'.repeat(400), '0;'));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const end = new RequestEnd();
      end.bodyIs('chunked');
      for (const bytes of pieces.map((bytes) => Buffer.from(bytes as string))) {
        const to = end.ofBody(bytes);
        if (to !== null) {
          assert.ok(to > 0 && to <= bytes.length);
          end.bodyIs('chunked');
        }
      }
    }),
  );
});

test('empty lines before a request are skipped, and those within it are not', () => {
  const end = new RequestEnd();
  assert.equal(end.skipLines(Buffer.from('\r\n\r\n\nGET')), 5);
  assert.equal(end.ofHead(Buffer.from('GET / HTTP/1.1\r\n')), null);
  assert.equal(end.skipLines(Buffer.from('\r\n')), 0);
  assert.equal(end.ofHead(Buffer.from('\r\n')), 2);
});
