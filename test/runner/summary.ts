import { tableOf } from './figures.ts';
import type { Outcome } from './outcome.ts';
import { report } from './run-tests.ts';

/** The last lines of every run: what was flaky, what failed, and the counts as Node's test runner prints them. */
export async function printSummary(
  { counts, flaky, failed, notRun, figures }: Outcome,
  durationMs: number,
  output: NodeJS.WritableStream,
): Promise<void> {
  output.write('\n');
  if (figures.length > 0) output.write(`${tableOf(figures)}\n`);
  for (const reason of notRun) output.write(`not run: ${reason}\n`);
  for (const { file, test } of flaky) output.write(`flaky: ${file}: ${test}\n`);
  for (const { file, test } of failed) output.write(`failed: ${file}: ${test}\n`);
  const lines = Object.entries({ ...counts, duration_ms: durationMs });
  const events = lines.map(([name, value]) => ({
    type: 'test:diagnostic',
    data: { nesting: 0, message: `${name} ${value}`, level: 'info' },
  }));
  await report(events, output);
}
