import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { flushPkt, pktLine } from '../../src/git-receive/pkt-line.ts';
import { PushHead } from '../../src/git-receive/push-head.ts';

const update = `${'0'.repeat(40)} ${'a'.repeat(40)} refs/heads/main`;
const pack = Buffer.from('PACK0000then0005xanything');

/** The bytes that git gets of a body that comes in pieces of this length. */
function passed(head: PushHead, body: Buffer, length: number): string {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += length) parts.push(head.pass(body.subarray(at, at + length)));
  return Buffer.concat([...parts, head.end()]).toString('latin1');
}

test('git gets all of a push but its options, however the body is split', () => {
  const option = fc.string({ maxLength: 20 });
  fc.assert(
    fc.property(fc.array(option, { maxLength: 5 }), fc.integer({ min: 1, max: 90 }), (options, length) => {
      const start = Buffer.concat([
        pktLine(`shallow ${'b'.repeat(40)}`),
        pktLine(`${update}\0report-status atomic push-options agent=git/2`),
        pktLine(update),
        flushPkt,
      ]);
      const lines = options.map((text) => pktLine(text)).filter((line) => line.length > 4);
      const head = new PushHead();
      const body = Buffer.concat([start, ...lines, flushPkt, pack]);
      assert.equal(passed(head, body, length), Buffer.concat([start, flushPkt, pack]).toString('latin1'));
      assert.equal(head.optionCount, lines.length);
      assert.equal(
        head.optionBytes,
        lines.reduce((bytes, line) => bytes + line.length - 4, 0),
      );
      assert.deepEqual([head.has('atomic'), head.has('agent'), head.has('git/2')], [true, true, false]);
    }),
  );
});

test('a push without the capability, a lone flush, and what is no push are passed on as they are', () => {
  for (const body of [
    Buffer.concat([pktLine(`${update}\0report-status`), flushPkt, pktLine('no option'), pack]),
    flushPkt,
    Buffer.from('zzzz not a push'),
    Buffer.from('00ffcut off'),
    Buffer.concat([pktLine(`${update}\0xpush-options`), Buffer.from('0001'), pack]),
  ]) {
    assert.equal(passed(new PushHead(), body, 5), body.toString('latin1'));
  }
});
