import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applied, envChanges } from '../../src/builder/cnb/env-files.ts';

function afterwards(before: Readonly<Record<string, string>>, files: Readonly<Record<string, string>>) {
  return applied(before, envChanges(new Map(Object.entries(files))));
}

test('a file without a suffix sets a variable, and a default file keeps an existing value', () => {
  assert.deepEqual(
    afterwards({ A: '1', B: '1', C: '' }, { A: '2', 'B.default': '2', 'C.default': '2', 'D.override': '3' }),
    {
      A: '2',
      B: '1',
      C: '2',
      D: '3',
    },
  );
});

test('values are prepended or appended, with the delimiter from its file or none', () => {
  const before = { PATH: '/bin', X: 'x' };
  const files = { 'PATH.prepend': '/a', 'PATH.delim': ':', 'X.append': 'y', 'Y.append': 'z' };
  assert.deepEqual(afterwards(before, files), { PATH: '/a:/bin', X: 'xy', Y: 'z' });
});

test('a value is used to the last byte, including its line end', () => {
  assert.deepEqual(afterwards({}, { A: 'two\nlines\n' }), { A: 'two\nlines\n' });
});

test('a file with an unknown suffix or name changes nothing', () => {
  assert.deepEqual(afterwards({}, { 'A.other': '1', 'not-a-name': '2', 'B.delim': ',' }), {});
});
