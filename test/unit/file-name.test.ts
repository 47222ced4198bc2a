import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nameBytes, nameOf, shownName } from '../../src/domain/file-name.ts';

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

test('every name gives back its bytes, and no two names are equal', () => {
  fc.assert(
    fc.property(bytes, bytes, (one, other) => {
      assert.deepEqual(nameBytes(nameOf(one)), one);
      assert.equal(nameOf(one) === nameOf(other), one.equals(other));
    }),
  );
});

test('a name in UTF-8 is its text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(nameOf(Buffer.from(text)), text);
    }),
  );
});

test('a name is shown on one line, with what is no text in hexadecimal', () => {
  for (const [name, shown] of [
    ['caf\xe9.txt', 'caf\\xe9.txt'],
    ['a\nb\tc\x1b[31m', 'a\\nb\\tc\\x1b[31m'],
    ['back\\slash', 'back\\\\slash'],
  ] as const) {
    assert.equal(shownName(nameOf(Buffer.from(name, 'latin1'))), shown);
  }
  assert.equal(shownName('größe \u202Etxt.日本語'), 'größe \\xe2\\x80\\xaetxt.日本語');
});
