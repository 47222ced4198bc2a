import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { spec } from 'node:test/reporters';
import { type FileResult, noCounts, type Outcome, outcomeOf } from './outcome.ts';
import { type FileOptions, runTestFile } from './test-file.ts';

export interface Batch {
  readonly files: readonly string[];
  /** Test files at the same time. */
  readonly concurrency: number;
}

export interface RunOptions extends FileOptions {
  readonly output: NodeJS.WritableStream;
}

/**
 * Runs the batches one after the other, and then every file that failed once more, alone. What passes then is flaky: it is
 * told, and does not fail the run.
 */
export async function runTests(batches: readonly Batch[], options: RunOptions): Promise<Outcome> {
  const { output, signal } = options;
  const first: FileResult[] = [];
  await report(
    eventsOf(batches, { options, results: first }),
    output,
    'failed at first, with each file to be run again:',
  );
  const suspects = signal.aborted ? [] : first.filter(({ failed }) => failed.length > 0);
  const second: FileResult[] = [];
  for (const { file, failed } of suspects) {
    if (signal.aborted) break;
    output.write(`\nOnce more, alone: ${file}\n`);
    await report(eventsOf([{ files: [file], concurrency: 1 }], { options, results: second }), output);
    if (second.at(-1)?.failed.length === 0) for (const test of failed) output.write(`flaky: ${file}: ${test}\n`);
  }
  return outcomeOf(first, second);
}

interface Hearing {
  readonly options: FileOptions;
  readonly results: FileResult[];
}

/** The events of each file in one piece, in the order of the files, however they overlap. */
async function* eventsOf(batches: readonly Batch[], { options, results }: Hearing): AsyncGenerator {
  for (const { files, concurrency } of batches) {
    const heard = files.map((file) => ({ file, events: new PassThrough({ objectMode: true, highWaterMark: 1e9 }) }));
    const waiting = [...heard];
    const worker = async () => {
      for (let next = waiting.shift(); next !== undefined && !options.signal.aborted; next = waiting.shift()) {
        const { file, events } = next;
        results.push(await runTestFile(file, options, (event) => events.write(event)));
        events.end();
      }
    };
    const workers = Promise.all(Array.from({ length: concurrency }, worker)).finally(() => {
      for (const { events } of heard) events.end();
    });
    for (const { events } of heard) yield* events;
    await workers;
    const ran = new Set(results.map(({ file }) => file));
    results.push(...files.filter((file) => !ran.has(file)).map(neverRun));
  }
}

/** The run was ended before the file's turn came. */
function neverRun(file: string): FileResult {
  return { file, counts: { ...noCounts, tests: 1, fail: 1 }, failed: [`${file} (never run)`], figures: [] };
}

/** Prints as `node --test` does. The details of failures come last, under `heading`. */
export async function report(
  events: AsyncIterable<unknown> | Iterable<unknown>,
  output: NodeJS.WritableStream,
  heading = 'failing tests:',
): Promise<void> {
  const named = new Transform({
    transform: (chunk: Buffer, _encoding, done) =>
      done(null, chunk.toString().replace(/(?<=^\n\S*✖ )failing tests:/, heading)),
  });
  await pipeline(Readable.from(events), new spec(), named, output, { end: false });
}
