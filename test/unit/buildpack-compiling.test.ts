import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { scaled } from '../support/deadline.ts';

const library = resolve(import.meta.dirname, '../../buildpacks/nodejs/lib');

test('a build that compiles in silence shows that it compiles, and ends with the exit code of its command', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'paas-compiling-'));
  try {
    // The kernel names a process after its script. This one ends when the sign of life is there.
    const compiler = '#!/bin/bash\nuntil grep -q Compiling out; do read -rt 0.05 <> <(:); done\necho done; exit 7\n';
    await writeFile(join(directory, 'cc1plus'), compiler, { mode: 0o755 });
    const build = `set -euo pipefail
      source ${library}/output.sh; source ${library}/dependencies.sh
      work=. compiling_interval=0.05
      run_logged ./cc1plus >out || echo "exit $?" >>out
      cat out`;
    const options = { cwd: directory, timeout: scaled(20_000) };
    const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-c', build], options);
    assert.match(stdout, /^ {7}Compiling a native module, for \d+ s so far\n(?:.*\n)* {7}done\nexit 7\n$/);
    assert.equal(stderr, '');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
