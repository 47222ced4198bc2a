import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outlet } from '../../src/resolver/outlet.ts';
import { Pieces } from '../../src/resolver/pieces.ts';

/** A connection that takes each write when the test says so. */
function connection() {
  const writes: string[] = [];
  let done: (() => void) | null = null;
  return {
    writes,
    write(bytes: Buffer, taken: () => void) {
      assert.equal(done, null, 'one write at a time');
      writes.push(bytes.toString());
      done = taken;
    },
    take() {
      const taken = done;
      done = null;
      taken?.();
    },
  };
}

test('a message goes at once when the connection is free, and those that come meanwhile go as one', () => {
  const to = connection();
  const outlet = new Outlet(to, () => assert.fail('nobody waits'));
  for (const letter of 'abcde') assert.equal(outlet.write(Buffer.from(letter)), true);
  assert.deepEqual(to.writes, ['a']);
  to.take();
  assert.deepEqual(to.writes, ['a', 'bcde']);
  to.take();
  outlet.write(Buffer.from('f'));
  assert.deepEqual(to.writes, ['a', 'bcde', 'f']);
});

test('a source waits when 16 KB wait, of one message or of many, until all are written', () => {
  for (const size of [1, 7, 1_000, 20_000]) {
    const to = connection();
    let drained = 0;
    const outlet = new Outlet(to, () => {
      drained += 1;
    });
    let written = 0;
    const message = Buffer.alloc(size, 'x');
    for (; outlet.write(message); written += size) assert.ok(written < 16_384, `${written} bytes of ${size} wait`);
    written += size;
    to.take();
    to.take();
    assert.equal(drained, 1);
    assert.equal(to.writes.join('').length, written);
    assert.equal(outlet.takenBytes, written);
    assert.equal(outlet.write(message), size < 16_384);
  }
});

test('what waits is written before the end, and nothing after the close', () => {
  const writes: string[] = [];
  const outlet = new Outlet({ write: (bytes) => writes.push(bytes.toString()) }, () => {});
  outlet.write(Buffer.from('a'));
  outlet.write(Buffer.from('b'));
  outlet.flush();
  outlet.close();
  outlet.write(Buffer.from('c'));
  assert.deepEqual(writes, ['a', 'b']);
});

test('the bytes of a message may be used again after it was written', () => {
  const to = connection();
  const outlet = new Outlet(to, () => {});
  const read = Buffer.alloc(10_000);
  let sent = '';
  for (const letter of 'abcdefgh') {
    read.fill(letter);
    outlet.write(read);
    sent += letter.repeat(10_000);
    if (letter === 'd') to.take();
  }
  to.take();
  to.take();
  assert.equal(to.writes.join(''), sent);
});

test('pieces become one, and a single piece is not copied', () => {
  const pieces = new Pieces(100);
  const one = Buffer.from('one');
  pieces.add(one);
  assert.equal(pieces.take(), one);
  for (const text of ['a', '', 'bc', 'a longer piece', 'd']) pieces.add(Buffer.from(text));
  assert.equal(String(pieces.take()), 'abca longer pieced');
  assert.equal(pieces.take().length, 0);
  pieces.add(Buffer.alloc(60));
  assert.deepEqual([pieces.takes(Buffer.alloc(40)), pieces.takes(Buffer.alloc(41))], [true, false]);
});
