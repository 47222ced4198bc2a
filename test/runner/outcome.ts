import type { Figure } from './figures.ts';

/** As the summary of Node's test runner names them. A test is counted in one of the last five. */
export type Counts = Readonly<Record<'tests' | 'suites' | 'pass' | 'fail' | 'cancelled' | 'skipped' | 'todo', number>>;

export interface FileResult {
  /** From the top of the checkout. */
  readonly file: string;
  readonly counts: Counts;
  /** Names of the tests that failed; the file's own name where it crashed or was late. */
  readonly failed: readonly string[];
  readonly figures: readonly Figure[];
}

export interface TestName {
  readonly file: string;
  readonly test: string;
}

/** What came of a run, over all its files. */
export interface Outcome {
  readonly counts: Counts;
  /** Failed first and passed when their file ran once more, alone. */
  readonly flaky: readonly TestName[];
  readonly failed: readonly TestName[];
  /** What was wanted and not run, with the reason. */
  readonly notRun: readonly string[];
  readonly figures: readonly Figure[];
}

export const noCounts: Counts = { tests: 0, suites: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
export const nothingRun: Outcome = { counts: noCounts, flaky: [], failed: [], notRun: [], figures: [] };

function sum(a: Counts, b: Counts): Counts {
  return {
    tests: a.tests + b.tests,
    suites: a.suites + b.suites,
    pass: a.pass + b.pass,
    fail: a.fail + b.fail,
    cancelled: a.cancelled + b.cancelled,
    skipped: a.skipped + b.skipped,
    todo: a.todo + b.todo,
  };
}

export function namesOf(results: readonly FileResult[]): readonly TestName[] {
  return results.flatMap(({ file, failed }) => failed.map((test) => ({ file, test })));
}

/** A file that ran twice counts as its second run. */
export function outcomeOf(first: readonly FileResult[], second: readonly FileResult[]): Outcome {
  const again = new Map(second.map((result) => [result.file, result]));
  const last = first.map((result) => again.get(result.file) ?? result);
  return {
    counts: last.map(({ counts }) => counts).reduce(sum, noCounts),
    flaky: namesOf(first.filter(({ file }) => again.get(file)?.failed.length === 0)),
    failed: namesOf(last),
    notRun: [],
    figures: last.flatMap(({ figures }) => figures),
  };
}

export function together(outcomes: readonly Outcome[]): Outcome {
  return {
    counts: outcomes.map(({ counts }) => counts).reduce(sum, noCounts),
    flaky: outcomes.flatMap(({ flaky }) => flaky),
    failed: outcomes.flatMap(({ failed }) => failed),
    notRun: outcomes.flatMap(({ notRun }) => notRun),
    figures: outcomes.flatMap(({ figures }) => figures),
  };
}

/** A skipped test says nothing about the platform, so it is no success; nor is a run of nothing. */
export function isSuccess({ counts, failed }: Outcome): boolean {
  return failed.length === 0 && counts.fail + counts.cancelled + counts.skipped === 0 && counts.pass > 0;
}
