import { resolve } from 'node:path';
import { run } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { childrenOf } from '../support/processes.ts';
import { type Figure, figureIn } from './figures.ts';
import { type Counts, type FileResult, noCounts } from './outcome.ts';

/** Of one test file, before it is scaled. A test that hangs must not hang everything. */
export const fileDeadlineMs = 8 * 60_000;
/** Of a process that was asked to end, before it is killed. */
const graceMs = 5_000;

/** What the runner reads of Node's events; reporters get them whole. */
interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name: string;
    readonly nesting: number;
    readonly message: string;
    readonly file?: string;
    readonly todo?: unknown;
    readonly details?: { readonly error?: { readonly failureType?: string } };
    readonly counts: Readonly<Record<string, number>>;
  };
}

export interface FileOptions {
  readonly cwd: string;
  /** Of the whole file. A file that is late is ended, and has failed. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** Runs one test file in a process of its own; `hear` gets what Node's reporters understand, without the totals. */
export async function runTestFile(
  file: string,
  { cwd, deadlineMs, signal }: FileOptions,
  hear: (event: TestEvent) => void,
): Promise<FileResult> {
  const path = resolve(cwd, file);
  const failed: string[] = [];
  const figures: Figure[] = [];
  let counts = noCounts;
  let cutOff = false;
  const ended = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
  for await (const event of run({ files: [path], cwd, signal: ended }) as AsyncIterable<TestEvent>) {
    if (event.type === 'test:fail' && event.data.todo === undefined) {
      const isFile = event.data.file === path && resolve(cwd, event.data.name) === path;
      cutOff ||= isFile && failureOf(event) === 'testAborted';
      if (isReason(failureOf(event))) failed.push(isFile ? fileFailure(file, { cutOff, deadlineMs }) : event.data.name);
    }
    const figure = event.type === 'test:diagnostic' ? figureIn(event.data.message) : null;
    if (figure) figures.push(figure);
    else if (event.type === 'test:summary' && event.data.file === undefined) counts = countsOf(event.data.counts);
    else if (!isTotal(event)) hear(event);
  }
  if (cutOff) {
    await endProcessesOf(path);
    // Node counts it as cancelled, which reads as if nobody had wanted it.
    counts = { ...counts, cancelled: counts.cancelled - 1, fail: counts.fail + 1 };
  } else if (failed.length > 0 && counts.fail + counts.cancelled === 0) {
    // A hook that failed after all tests of a suite: no test has, and the run has.
    counts = { ...counts, tests: counts.tests + 1, fail: 1 };
  }
  return { file, counts, failed, figures };
}

function fileFailure(file: string, { cutOff, deadlineMs }: { cutOff: boolean; deadlineMs: number }): string {
  return cutOff ? `${file} (not done within ${Math.round(deadlineMs / 1000)} s)` : `${file} (its process failed)`;
}

function failureOf({ data }: TestEvent): string | undefined {
  return data.details?.error?.failureType;
}

/** The others failed because of one that is reported as well. */
function isReason(failure: string | undefined): boolean {
  return failure !== 'subtestsFailed' && failure !== 'cancelledByParent';
}

function countsOf(counts: Readonly<Record<string, number>>): Counts {
  const { tests = 0, suites = 0, passed = 0, failed = 0, cancelled = 0, skipped = 0, todo = 0 } = counts;
  return { tests, suites, pass: passed, fail: failed, cancelled, skipped, todo };
}

/** What Node says about all that it ran is about one file here. */
function isTotal({ type, data }: TestEvent): boolean {
  if (type === 'test:plan') return data.nesting === 0;
  if (type !== 'test:diagnostic' || data.nesting !== 0 || data.file !== undefined) return false;
  return /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(data.message);
}

/** Node asks the process to end and does not look whether it did. */
async function endProcessesOf(path: string): Promise<void> {
  const processes = () => childrenOf(process.pid).filter(({ command }) => command.includes(path));
  await eventually('the late file has ended', () => processes().length === 0, { deadlineMs: graceMs }).catch(() => {
    for (const { pid } of processes()) process.kill(pid, 'SIGKILL');
  });
}
