import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { readSettings } from '../src/config/settings.ts';
import { PlatformError } from '../src/domain/errors.ts';
import { createDockerEngine } from '../src/engine/docker-engine.ts';
import { prepareHost } from '../src/launcher/prepare.ts';
import { announceOn } from '../src/launcher/terminal.ts';
import { claim, userClaimsDir } from './support/claims.ts';
import { checkout } from './support/source-files.ts';

/**
 * `npm test`: prepares the host as `npm start` does, then runs everything. `npm test -- unit e2e` runs some of it,
 * `npm test -- test/e2e/push.test.ts` one file. Ends with the summary lines of Node's test runner, over all groups.
 */
interface Group {
  readonly name: string;
  /** Test files at the same time. Whole platforms and builds share two cores; their deadlines are real. */
  readonly concurrency: number;
  readonly needsEngine: boolean;
}

const groups: readonly Group[] = [
  { name: 'checks', concurrency: 2, needsEngine: false },
  { name: 'unit', concurrency: 2, needsEngine: false },
  { name: 'contract', concurrency: 2, needsEngine: true },
  { name: 'integration', concurrency: 2, needsEngine: true },
  { name: 'e2e', concurrency: 1, needsEngine: true },
];
/** Of one test file. A test that hangs must not hang everything. */
const fileTimeoutMs = 8 * 60_000;

interface Batch {
  readonly files: readonly string[];
  readonly concurrency: number;
  readonly needsEngine: boolean;
}

function batchesOf(args: readonly string[]): readonly Batch[] {
  const unknown = args.filter((arg) => !groups.some(({ name }) => name === arg) && !existsSync(join(checkout, arg)));
  if (unknown.length > 0) {
    throw new PlatformError('invalid_params', `There is no group and no test file ${unknown.join(', ')}.`, {
      hint: `Groups: ${groups.map(({ name }) => name).join(', ')}.`,
    });
  }
  return groups.flatMap(({ name, concurrency, needsEngine }) => {
    const all = globSync(`test/${name}/**/*.test.ts`, { cwd: checkout }).sort();
    const files = args.length === 0 || args.includes(name) ? all : all.filter((file) => args.includes(file));
    return files.length === 0 ? [] : [{ files: files.map((file) => join(checkout, file)), concurrency, needsEngine }];
  });
}

type Counts = Record<'tests' | 'suites' | 'pass' | 'fail' | 'cancelled' | 'skipped' | 'todo', number>;

/** The events of one batch after the other as if they were one run: totals added up, failures told once more at the end. */
async function* eventsOf(batches: readonly Batch[], total: Counts) {
  const startedMs = performance.now();
  for (const { files, concurrency } of batches) {
    const events = run({ files: [...files], concurrency, timeout: fileTimeoutMs, cwd: checkout });
    for await (const event of events) {
      const isEnd = event.type === 'test:summary' && event.data.file === undefined;
      if (isEnd) add(total, event.data.counts);
      else if (!isTotal(event)) yield event;
    }
  }
  const lines = { ...total, duration_ms: performance.now() - startedMs };
  for (const [name, value] of Object.entries(lines)) {
    yield { type: 'test:diagnostic', data: { nesting: 0, message: `${name} ${value}`, level: 'info' } };
  }
  yield { type: 'test:summary', data: { file: undefined, counts: total } };
}

function isTotal(event: { readonly type: string; readonly data?: unknown }): boolean {
  if (event.type !== 'test:diagnostic') return false;
  const data = event.data as { readonly nesting: number; readonly message: string; readonly file?: string };
  const isOne = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(data.message);
  return data.nesting === 0 && isOne && data.file === undefined;
}

function add(total: Counts, counts: Readonly<Record<string, number>>): void {
  const { tests = 0, suites = 0, passed = 0, failed = 0, cancelled = 0, skipped = 0, todo = 0 } = counts;
  const more: Counts = { tests, suites, pass: passed, fail: failed, cancelled, skipped, todo };
  for (const name of Object.keys(total) as (keyof Counts)[]) total[name] += more[name];
}

async function main(): Promise<number> {
  const batches = batchesOf(process.argv.slice(2));
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interrupted.abort(new Error('interrupted')));
  if (batches.some(({ needsEngine }) => needsEngine)) {
    const settings = readSettings();
    const engine = createDockerEngine({ dockerHost: settings.dockerHost });
    await prepareHost(engine, settings, { announcer: announceOn(process.stderr), signal: interrupted.signal });
  }
  // Every test file is a process: without this each would strip the same types again.
  process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), `paas-test-compile-cache-${process.getuid?.()}`);
  mkdirSync(process.env.NODE_COMPILE_CACHE, { recursive: true });
  // What a killed test leaves goes with the run's folder, and if the run is killed as well, with the next run.
  process.env.PAAS_TEST_CLAIMS ??= userClaimsDir();
  const folder = mkdtempSync(join(tmpdir(), 'paas-test-run-'));
  // git runs as a user of its own below it.
  chmodSync(folder, 0o711);
  await claim({ folder });
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  process.env.TMPDIR = folder;
  const total: Counts = { tests: 0, suites: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  interrupted.signal.addEventListener('abort', () => process.exit(130));
  await pipeline(Readable.from(eventsOf(batches, total)), new spec(), process.stdout, { end: false });
  // A skipped test says nothing about the platform, so it is no success.
  return total.fail + total.cancelled + total.skipped > 0 || total.pass === 0 ? 1 : 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const known = error instanceof PlatformError;
    process.stderr.write(` !     ${known ? error.message : (error as Error).stack}\n`);
    if (known && error.hint) process.stderr.write(` !     ${error.hint}\n`);
    process.exit(1);
  },
);
