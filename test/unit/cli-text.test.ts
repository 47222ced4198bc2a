// biome-ignore-all lint/suspicious/noControlCharactersInRegex: the test looks for control characters.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyValues, table } from '../../src/cli/render.ts';
import { harmless, shellQuote, styleOf } from '../../src/cli/terminal-text.ts';
import { timeAgo, timestamp } from '../../src/cli/time.ts';
import { Recorder } from '../support/cli.ts';

const attacks: readonly (readonly [what: string, text: string, left: string])[] = [
  ['moves the cursor', 'a\x1b[2Jb\x1b[1;1Hc', 'abc'],
  ['sets the title (OSC, BEL)', 'a\x1b]0;owned\x07b', 'ab'],
  ['writes the clipboard (OSC, ST)', 'a\x1b]52;c;ZXZpbA==\x1b\\b', 'ab'],
  ['never ends its string', 'a\x1b]0;owned', 'a'],
  ['uses 8-bit controls', 'a\x9b2Jb\x9d0;owned\x9cc', 'abc'],
  ['queries the terminal (DCS)', 'a\x1bP$q"p\x1b\\b', 'ab'],
  ['draws over the line', 'good\rbad \b\b', 'goodbad '],
  ['rings', 'a\x07b', 'ab'],
  ['hides an escape in an escape', '\x1b\x1b[[2J', '2J'],
  ['switches the character set', 'a\x1b(0b', 'ab'],
  ['resets the terminal', 'a\x1bcb', 'ab'],
  ['deletes', 'a\x7fb', 'ab'],
];

for (const [what, text, left] of attacks) {
  test(`a server's text that ${what} cannot control a terminal`, () => assert.equal(harmless(text), left));
}

test('colours are kept on request, and else removed', () => {
  const line = '\x1b[1;31mred\x1b[0m and \x1b[38;2;1;2;3mmore\x1b[m\tend\n';
  assert.equal(harmless(line, { colours: true }), line);
  assert.equal(harmless(line), 'red and more\tend\n');
});

test('no control character but tab and newline is left in any text', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '\x1b',
      '\x1b[',
      '\x1b]',
      '\x9b',
      '\x9d',
      '0',
      'm',
      ';',
      '\x07',
      '\x1b\\',
      '\x9c',
      '\r',
      '\0',
      '\x1b[31m',
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join('');
      assert.doesNotMatch(harmless(text), /[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
      const coloured = harmless(text, { colours: true }).replace(/\x1b\[[0-9;:]*m/g, '');
      assert.doesNotMatch(coloured, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
    }),
    { numRuns: 500 },
  );
});

test('a quoted value is one word for a shell, with the same bytes', () => {
  const values = ['plain', '', "it's", '"; rm -rf / #', '$HOME `id` \\', 'two\nlines', 'ünï', '*', '~', '-n'];
  const script = values.map((value) => `printf '%s\\0' ${shellQuote(value)}`).join('\n');
  const printed = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
  assert.deepEqual(printed.split('\0').slice(0, -1), values);
  assert.equal(shellQuote('web=2:1G'), 'web=2:1G');
});

test('a table aligns its columns, and a cell cannot break its line', () => {
  assert.equal(
    table(
      ['v', 'description'],
      [
        ['v10', 'Deploy 3ab12cf'],
        ['v9', 'two\nlines\x1b[2J'],
      ],
    ),
    'v    description\n───  ──────────────\nv10  Deploy 3ab12cf\nv9   two lines',
  );
});

test('values are aligned, also those with several lines, and missing ones are left out', () => {
  const text = keyValues([
    ['A', '1'],
    ['LONGER', 'x\ny'],
    ['GONE', null],
  ]);
  assert.equal(text, 'A:      1\nLONGER: x\n        y');
});

test('a time says how long ago it was, up to one day', () => {
  const at = new Date('2026-11-22T07:30:10Z');
  const later = (seconds: number) => new Date(at.getTime() + seconds * 1000);
  assert.equal(timestamp(at, 0), '2026/11/22 07:30:10 +0000');
  assert.equal(timestamp(at, 330), '2026/11/22 13:00:10 +0530');
  assert.equal(timestamp(at, -480), '2026/11/21 23:30:10 -0800');
  assert.match(timeAgo(at, later(59)), / \(~ 59s ago\)$/);
  assert.match(timeAgo(at, later(60)), / \(~ 1m ago\)$/);
  assert.match(timeAgo(at, later(7200)), / \(~ 2h ago\)$/);
  assert.equal(timeAgo(at, later(86_400)), timestamp(at));
  assert.match(timeAgo(at, later(-5)), / \(~ 0s ago\)$/, 'a clock that is behind');
});

test('the hexagon needs 256 colours, colours need 16, and NO_COLOR turns both off', () => {
  const sign = (depth: number | null, env = {}) =>
    styleOf(depth === null ? new Recorder() : new Recorder({ colourDepth: depth }), env).app('shop');
  assert.match(sign(8), /⬢ shop/);
  assert.equal(sign(4), 'shop');
  assert.equal(sign(null), 'shop');
  assert.equal(sign(8, { NO_COLOR: '1' }), 'shop');
  assert.equal(sign(8, { HEROKU_COLOR: '0' }), 'shop');
});
