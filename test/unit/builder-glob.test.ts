import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { coversPath, matchesGlob, parsePattern } from '../../src/builder/glob.ts';
import { cpuMsOf } from '../support/cpu-time.ts';

test('a pattern matches whole names, including dots', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['package.json', 'package.json', true],
    ['a/package.json', 'package.json', false],
    ['a/b/package.json', '**/package.json', true],
    ['package.json', '**/package.json', true],
    ['.a/.b', '**/.b', true],
    ['.npmrc', '.npm*', true],
    ['src/app.ts', 'src/*.ts', true],
    ['src/a/app.ts', 'src/*.ts', false],
    ['src/a/app.ts', 'src/**/*.ts', true],
    ['abc', 'a?c', true],
    ['bun.lockb', 'bun.lock', false],
    ['a.b', 'a[.]b', true],
    ['file7', 'file[0-9]', true],
    ['fileX', 'file[^0-9]', true],
    ['a*b', 'a\\*b', true],
    ['axb', 'a\\*b', false],
  ];
  for (const [path, pattern, expected] of cases) {
    assert.equal(matchesGlob(path, pattern), expected, `${path} against ${pattern}`);
  }
});

test('a pattern that matches a folder covers everything below it', () => {
  assert.ok(coversPath('node_modules/a/b.js', parsePattern('node_modules')));
  assert.ok(coversPath('x/node_modules/a', parsePattern('**/node_modules')));
  assert.ok(!coversPath('node_modules.md', parsePattern('node_modules')));
  assert.ok(coversPath('a/b', parsePattern('/a/')));
});

test('every path matches itself, and ** matches all', () => {
  const name = fc.stringMatching(/^[a-z.]{1,6}$/);
  const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join('/'));
  fc.assert(fc.property(path, (candidate) => matchesGlob(candidate, candidate) && matchesGlob(candidate, '**')));
});

test('no pattern in a source can stall the platform', () => {
  const tookMs = cpuMsOf(() => {
    assert.ok(!matchesGlob(`${'a'.repeat(5000)}b`, `${'*a'.repeat(200)}c`));
    const deep = 'a/'.repeat(100);
    assert.ok(!matchesGlob(`${deep}c`, `${'**/a/'.repeat(50)}b`));
    for (const piece of ['[', '[a', '**/', '**', '\\', '[!]', '?', '*']) {
      coversPath(`${deep}c`, parsePattern(piece.repeat(20_000)));
    }
  });
  assert.ok(tookMs < 2_000, `${tookMs} ms`);
});
