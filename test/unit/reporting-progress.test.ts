import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppLog, LogLine } from '../../src/domain/log-line.ts';
import { plainText } from '../../src/reporting/plain-text.ts';
import { logOutput, teeOutput } from '../../src/reporting/progress.ts';

function collected() {
  const lines: string[] = [];
  const log: Pick<AppLog, 'write'> = {
    write: (appId: string, line: LogLine) => {
      assert.deepEqual([appId, line.source, line.process, line.release], ['a1', 'build', 'build', null]);
      lines.push(line.text);
    },
  };
  return { lines, output: logOutput(log as AppLog, 'a1') };
}

test('steps, details and warnings have their marks, on every line', () => {
  const { lines, output } = collected();
  output.step('Node.js app detected');
  output.detail('Installing\n  dependencies\n');
  output.warn('No lock file');
  assert.deepEqual(lines, [
    '-----> Node.js app detected',
    '       Installing',
    '         dependencies',
    '',
    ' !     No lock file',
  ]);
});

test('no text in the log moves the cursor, sets a title, hides text or has a colour', () => {
  const { lines, output } = collected();
  output.detail('\u001b[31mred\u001b[0m \u001b]0;title\u0007\u001b[2K\u001b[1Adone \u202eabc\u0000\u0008');
  output.detail('10%\r50%\r\n100%');
  assert.deepEqual(lines, ['       red done abc', '       10%', '       50%', '       100%']);
  assert.equal(plainText('tab\tstays, ünïcode 🚀 too'), 'tab\tstays, ünïcode 🚀 too');
});

test('two listeners get the same', () => {
  const [one, two] = [collected(), collected()];
  const both = teeOutput(one.output, two.output);
  both.step('a');
  both.detail('b');
  both.warn('c');
  assert.deepEqual(one.lines, ['-----> a', '       b', ' !     c']);
  assert.deepEqual(two.lines, one.lines);
});
