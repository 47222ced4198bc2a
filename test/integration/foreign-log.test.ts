import assert from 'node:assert/strict';
import { appendFileSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { shorten } from '../../src/reporting/foreign-log.ts';

const home = mkdtempSync(join(tmpdir(), 'paas-foreign-'));
after(() => rmSync(home, { recursive: true }));

const limits = { maxBytes: 1000, keptBytes: 100 };

test('a log that an engine has open is cut to its last whole lines, and the engine continues at its end', async () => {
  const path = join(home, 'dockerd.log');
  const engine = openSync(path, 'a', 0o600);
  for (let line = 100; line < 300; line++) writeSync(engine, `line ${line}\n`);
  await shorten({ path, ...limits });
  writeSync(engine, 'and on\n');
  closeSync(engine);
  const lines = readFileSync(path, 'utf8').split('\n');
  assert.deepEqual([lines[0], lines.at(-3), lines.at(-2), lines.at(-1)], ['line 289', 'line 299', 'and on', '']);
});

test('a short log is left as it is, and a missing one is no error', async () => {
  const path = join(home, 'short.log');
  appendFileSync(path, 'one\ntwo\n');
  await shorten({ path, ...limits });
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\n');
  await shorten({ path: join(home, 'none.log'), ...limits });
});
