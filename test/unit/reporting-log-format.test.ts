import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { logSources } from '../../src/domain/log-line.ts';
import { decodeLine, encodeLine, maxLineBytes, splitText } from '../../src/reporting/log-format.ts';

const word = fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/);
const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\n', ' '));

test('every line is read from the disk as it was written', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }),
      fc.constantFrom(...logSources),
      word,
      fc.option(fc.nat(), { nil: null }),
      fc.option(word, { nil: null }),
      text,
      (at, source, process, release, origin, words) => {
        const line = { at, rawTime: at.toISOString(), source, process, release, origin, text: words.toWellFormed() };
        assert.deepEqual(decodeLine(encodeLine(line).slice(0, -1)), line);
      },
    ),
  );
});

test('a line cut off by a crash is ignored', () => {
  const line = '2026-01-01T00:00:00.000Z app web.1 12 4f9a0c11d2e3 text';
  assert.ok(decodeLine(line));
  for (const cut of [
    '',
    '2026-01',
    '2026-01-01T00:00:00.000Z app web.1 1',
    'app web.1 12 4f9a0c11d2e3 text and more',
  ]) {
    assert.equal(decodeLine(cut), null, JSON.stringify(cut));
  }
});

test('a long line is split between characters, and nothing is lost', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }),
      fc.integer({ min: 1, max: 4000 }),
      (part, count) => {
        const long = part.toWellFormed().replaceAll('\n', '').repeat(count);
        const pieces = splitText(long);
        assert.equal(pieces.join(''), long);
        for (const piece of pieces) assert.ok(Buffer.byteLength(piece) <= maxLineBytes);
      },
    ),
    { numRuns: 50 },
  );
  assert.deepEqual(splitText('one\ntwo\n'), ['one', 'two', '']);
});
