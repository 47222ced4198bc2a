import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldOutput } from '../../src/builder/held-output.ts';
import { BuildLines } from '../../src/builder/jail/build-lines.ts';
import { concealer } from '../../src/builder/jail/conceal.ts';
import { LimitedOutput } from '../../src/builder/limited-output.ts';
import { RecordedOutput } from '../support/recorded-output.ts';

function linesOf(...chunks: readonly (string | Buffer)[]): {
  readonly heard: RecordedOutput;
  readonly lines: BuildLines;
} {
  const heard = new RecordedOutput();
  const lines = new BuildLines(heard, (line) => line);
  for (const chunk of chunks) lines.write(Buffer.from(chunk));
  lines.end();
  return { heard, lines };
}

test('steps, details and warnings are recognised by their prefixes', () => {
  const { heard } = linesOf('-----> Step\n       detail\nplain\n !     warning\n');
  assert.deepEqual(heard.lines, ['-----> Step', '       detail', '       plain', ' !     warning']);
});

test('lines and characters that arrive in pieces are joined', () => {
  const whole = Buffer.from('größe\n');
  const { heard } = linesOf('a', 'b\nc', whole.subarray(0, 3), whole.subarray(3));
  assert.deepEqual(heard.lines, ['       ab', '       cgröße']);
});

test('what a program writes last counts as a line, also without a newline or with half a character', () => {
  const { heard, lines } = linesOf(' !     old\nwork\n !     why');
  assert.deepEqual(lines.lastWarnings, ['why']);
  lines.write(Buffer.from([0x63, 0x61, 0x66, 0xc3]));
  lines.end();
  lines.end();
  lines.write(Buffer.from('next\n'));
  assert.deepEqual(heard.lines.slice(-3), [' !     why', '       caf\ufffd', '       next']);
});

test('a progress bar shows only its last state', () => {
  assert.deepEqual(linesOf('10%\r50%\r100%\r\n').heard.lines, ['       100%']);
});

test('an endless line does not fill the memory', () => {
  const { heard } = linesOf('x'.repeat(1_000_000));
  assert.ok(heard.text.length < 10_000);
});

test('the reason of a failed build is its last block of warnings', () => {
  assert.deepEqual(linesOf(' !     old\nwork\n !     reason\n !     hint\n\n').lines.lastWarnings, ['reason', 'hint']);
  assert.deepEqual(linesOf(' !     old\nwork\n').lines.lastWarnings, []);
});

test('of endless output the beginning and the end are shown', () => {
  const heard = new RecordedOutput();
  const output = new LimitedOutput(heard, { maxBytes: 100 });
  for (let line = 0; line < 1000; line++) output.detail(`line ${line}`);
  output.end();
  assert.equal(heard.lines[0], '       line 0');
  assert.match(heard.text, /more than 0 MB.*is not shown/s);
  assert.equal(heard.lines.at(-1), '       line 999');
  assert.ok(heard.lines.length < 100);
});

test('output of parallel work is shown after the main output', () => {
  const heard = new RecordedOutput();
  const held = new HeldOutput(heard);
  held.step('second');
  heard.step('first');
  held.release();
  held.detail('third');
  assert.deepEqual(heard.lines, ['-----> first', '-----> second', '       third']);
});

test('secrets from config vars are hidden, in any form that a build prints', () => {
  const conceal = concealer({
    API_KEY: 'geheim/12 34',
    DATABASE_URL: 'postgres://u:p@h/db',
    NODE_ENV: 'production',
    PIN_KEY: '1234',
  });
  assert.equal(conceal('key geheim/12 34.'), 'key [API_KEY].');
  assert.equal(conceal(Buffer.from('geheim/12 34').toString('base64')).includes('[API_KEY]'), true);
  assert.equal(conceal(encodeURIComponent('geheim/12 34')), '[API_KEY]');
  assert.equal(conceal('to postgres://u:p@h/db now'), 'to [DATABASE_URL] now');
  const many = Array.from({ length: 500 }, (_, index) => `geheimnis-${String(index).padStart(4, '0')}`);
  const concealMany = concealer({ PRIVATE_KEY: many.join('\n') });
  assert.equal(concealMany('a geheimnis-0007 b geheimnis-0499'), 'a [PRIVATE_KEY] b [PRIVATE_KEY]');
  assert.equal(concealMany('nothing to hide'), 'nothing to hide');
  // Not a secret, or too short to be distinguished from an ordinary word.
  assert.equal(conceal('production 1234'), 'production 1234');
});
