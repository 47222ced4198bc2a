import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { scaled } from '../support/deadline.ts';
import { checkout } from '../support/source-files.ts';

/** Runs one of the checkout's tools. Its output is the message of a failure. */
async function passes(tool: string, ...args: readonly string[]): Promise<void> {
  const { code, output } = await new Promise<{ code: number; output: string }>((resolve) => {
    const options = { cwd: checkout, maxBuffer: 64 * 1024 * 1024, timeout: scaled(300_000) };
    execFile(join(checkout, 'node_modules/.bin', tool), args, options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) || 1 : 0, output: `${stdout}${stderr}`.slice(-8000) }),
    );
  });
  assert.equal(code, 0, `${tool} ${args.join(' ')}:\n${output}`);
}

test('the types are correct', () => passes('tsc', '--noEmit'));

test('the sources are formatted and pass the linter', () => passes('biome', 'check', '.'));

test('every export, dependency and file is used', () => passes('knip'));
