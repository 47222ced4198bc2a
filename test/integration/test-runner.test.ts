import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { environment } from '../../src/config/environment.ts';
import { claim } from '../support/claims.ts';
import { scaled } from '../support/deadline.ts';
import { runProgram } from '../support/platform.ts';
import { checkout } from '../support/source-files.ts';

/** The runner on files of its own, with a short deadline for each. */
const program = `
import { isSuccess } from '${checkout}/test/runner/outcome.ts';
import { runTests } from '${checkout}/test/runner/run-tests.ts';
import { printSummary } from '${checkout}/test/runner/summary.ts';
const [deadlineMs, ...files] = process.argv.slice(2);
const options = { cwd: process.cwd(), deadlineMs: Number(deadlineMs), signal: new AbortController().signal, output: process.stdout };
const outcome = await runTests([{ files, concurrency: 2 }], options);
await printSummary(outcome, 1, process.stdout);
process.exit(isSuccess(outcome) ? 0 : 1);
`;

const files: Readonly<Record<string, string>> = {
  'passes.test.ts': `
    import { describe, it } from 'node:test';
    describe('a suite', () => { it('one', () => {}); it('two', () => {}); });`,
  'flaky.test.ts': `
    import { existsSync, writeFileSync } from 'node:fs';
    import { describe, it } from 'node:test';
    const isFirst = !existsSync('ran');
    writeFileSync('ran', '');
    describe('a suite', () => {
      it('fails at first', () => { if (isFirst) throw new Error('the first time'); });
      it('passes', () => {});
    });`,
  'fails.test.ts': `
    import { it } from 'node:test';
    it('fails twice', () => { throw new Error('always'); });
    it('passes', () => {});`,
  'crashes.test.ts': `throw new Error('at import');`,
  'hook.test.ts': `
    import { after, describe, it } from 'node:test';
    describe('a suite', () => { after(() => { throw new Error('afterwards'); }); it('passes', () => {}); });`,
  'hangs.test.ts': `
    import { it } from 'node:test';
    process.on('SIGTERM', () => {});
    it('passes', () => {});
    it('never ends', () => new Promise(() => setInterval(() => {}, 1000)));`,
  'measures.test.ts': `
    import { it } from 'node:test';
    import { figureText } from '${checkout}/test/runner/figures.ts';
    it('measures', (t) => {
      const of = { before: '1 ms', during: '2 ms', limit: '2 ms' };
      t.diagnostic(figureText({ what: 'a quick attack', ...of, held: true }));
      t.diagnostic(figureText({ what: 'another', ...of, during: '10 ms', held: false }));
    });`,
  'skips.test.ts': `
    import { it } from 'node:test';
    it('passes', () => {});
    it('does nothing', { skip: true }, () => {});`,
};

let folder: string;
let release: () => void;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paas-runner-'));
  ({ release } = await claim({ folder }));
  for (const [name, text] of Object.entries({ ...files, 'program.ts': program })) {
    await writeFile(join(folder, name), text);
  }
});

after(async () => {
  await rm(folder, { recursive: true, force: true });
  release();
});

interface Run {
  readonly code: number | null;
  readonly output: string;
  /** The last lines, in the form of Node's summary. */
  readonly counts: Readonly<Record<string, number>>;
}

async function run(names: readonly string[], deadlineMs = scaled(60_000)): Promise<Run> {
  await rm(join(folder, 'ran'), { force: true });
  // Node runs no test files inside a test file. It detects that by this variable.
  const { NODE_TEST_CONTEXT: _, ...rest } = environment();
  const env = { ...rest, NO_COLOR: '1' } as Record<string, string>;
  const args = ['program.ts', String(deadlineMs), ...names];
  const { code, stdout, stderr } = await runProgram(process.execPath, args, { cwd: folder, input: '', env });
  assert.equal(stderr, '');
  const last = stdout.trimEnd().split('\n').slice(-8);
  const counts = Object.fromEntries(
    last.map((line) => {
      const [, name = line, count] = /^ℹ (\w+) (\d+)$/.exec(line) ?? [];
      return [name, Number(count)];
    }),
  );
  return { code, output: stdout, counts };
}

function processesOf(path: string): readonly string[] {
  return globSync('/proc/[0-9]*/cmdline').filter((name) => {
    try {
      return readFileSync(name, 'utf8').includes(path);
    } catch {
      // It ended meanwhile.
      return false;
    }
  });
}

const clean = { suites: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0, duration_ms: 1 };

describe('a run of test files', () => {
  it('passes with a file that fails once, tells which test was flaky, and counts its second run', async () => {
    const { code, output, counts } = await run(['flaky.test.ts', 'passes.test.ts']);
    assert.equal(code, 0, output);
    assert.deepEqual(counts, { ...clean, tests: 4, suites: 2, pass: 4 });
    const told = output.split('\n').filter((line) => line === 'flaky: flaky.test.ts: fails at first');
    assert.equal(told.length, 2, 'at once, and in the summary');
    assert.match(output, /the first time/, 'the reason is kept');
    assert.doesNotMatch(output, /failing tests:/, 'nothing failed in the end');
  });

  it('prints the figures of all files in one table before the counts, and a missed one fails nothing', async () => {
    const { code, output } = await run(['measures.test.ts', 'passes.test.ts']);
    assert.equal(code, 0, output);
    const table = output.slice(output.indexOf('what '), output.indexOf('ℹ tests')).trim().split('\n');
    assert.deepEqual(table, [
      'what           | before | during/after | limit | held',
      'a quick attack | 1 ms   | 2 ms         | 2 ms  | held',
      'another        | 1 ms   | 10 ms        | 2 ms  | missed',
    ]);
    assert.doesNotMatch(output, /figure \{/);
  });

  it('fails with a file that fails twice', async () => {
    const { code, output, counts } = await run(['passes.test.ts', 'fails.test.ts']);
    assert.equal(code, 1);
    assert.deepEqual(counts, { ...clean, tests: 4, suites: 1, pass: 3, fail: 1 });
    assert.match(output, /^Once more, alone: fails\.test\.ts$/m);
    assert.match(output, /^failed: fails\.test\.ts: fails twice$/m);
    assert.doesNotMatch(output, /flaky/);
  });

  it('counts a file that crashes before it has a test as failed', async () => {
    const { code, output, counts } = await run(['crashes.test.ts', 'passes.test.ts']);
    assert.equal(code, 1);
    assert.deepEqual(counts, { ...clean, tests: 3, suites: 1, pass: 2, fail: 1 });
    assert.match(output, /^failed: crashes\.test\.ts: crashes\.test\.ts \(its process failed\)$/m);
  });

  it('counts a hook that fails behind tests that passed', async () => {
    const { code, output, counts } = await run(['hook.test.ts']);
    assert.equal(code, 1);
    assert.deepEqual(counts, { ...clean, tests: 2, suites: 1, pass: 1, fail: 1 });
    assert.match(output, /^failed: hook\.test\.ts: a suite$/m);
  });

  it('ends a file that is late, counts it as failed, and leaves no process of it', async () => {
    const { code, output, counts } = await run(['hangs.test.ts'], 1000);
    assert.equal(code, 1);
    assert.deepEqual(counts, { ...clean, tests: 2, pass: 1, fail: 1 });
    assert.match(output, /^failed: hangs\.test\.ts: hangs\.test\.ts \(not done within 1 s\)$/m);
    assert.deepEqual(processesOf(join(folder, 'hangs.test.ts')), []);
  });

  it('is no success where a test was skipped', async () => {
    const { code, counts } = await run(['skips.test.ts']);
    assert.equal(code, 1);
    assert.deepEqual(counts, { ...clean, tests: 2, pass: 1, skipped: 1 });
  });
});
