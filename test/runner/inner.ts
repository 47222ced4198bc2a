import { scaled } from '../support/deadline.ts';
import { checkout } from '../support/source-files.ts';
import { runTests } from './run-tests.ts';
import { fileDeadlineMs } from './test-file.ts';

/** A suite's files in one of its settings. Started by `run-suite.ts`, which prints the summary of all. */
const ended = new AbortController();
process.once('SIGTERM', () => ended.abort(new Error('ended')));
const outcome = await runTests([{ files: process.argv.slice(2), concurrency: 1 }], {
  cwd: checkout,
  deadlineMs: scaled(fileDeadlineMs),
  signal: ended.signal,
  output: process.stdout,
});
process.send?.(outcome, () => process.exit(0));
