import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameBoundary } from '../../src/resolver/websocket-frames.ts';

function frame(length: number, masked: boolean): Uint8Array {
  const mask = masked ? 0x80 : 0;
  const head =
    length < 126
      ? [0x82, mask | length]
      : length < 65_536
        ? [0x82, mask | 126, length >> 8, length & 0xff]
        : [0x82, mask | 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 0xff, length & 0xff];
  // Payload bytes that look like frame heads, so that a wrong count is noticed.
  return new Uint8Array([...head, ...(masked ? [1, 2, 3, 4] : []), ...new Array(length).fill(0x81)]);
}

const frames = fc.array(fc.record({ length: fc.oneof(fc.nat(200), fc.nat(70_000)), masked: fc.boolean() }), {
  minLength: 1,
  maxLength: 4,
});

test('the end of each frame is found however the bytes are split', () => {
  fc.assert(
    fc.property(
      frames,
      fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 20 }),
      (wanted, cuts) => {
        const bytes = Buffer.concat(wanted.map(({ length, masked }) => frame(length, masked)));
        const ends = new Set<number>();
        let end = 0;
        for (const { length, masked } of wanted) {
          end += frame(length, masked).length;
          ends.add(end);
        }
        const boundary = new FrameBoundary();
        for (let at = 0, cut = 0; at < bytes.length; cut += 1) {
          const next = Math.min(bytes.length, at + (cuts[cut % cuts.length] ?? 1));
          boundary.push(bytes.subarray(at, next));
          at = next;
          assert.equal(boundary.reached, ends.has(at), `after ${at} bytes`);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('before the first byte the stream is between two frames', () => {
  assert.equal(new FrameBoundary().reached, true);
});
