import { environment } from '../config/environment.ts';
import { flushed } from '../system/flushed.ts';
import { exitCodes, printError } from './errors.ts';
import { openOutput, outputError } from './output.ts';
import { run } from './run.ts';

const stdout = openOutput(1);
const stderr = openOutput(2);
let failure: NodeJS.ErrnoException | null = null;
stdout.on('error', (error) => {
  failure ??= error;
});
// There is nowhere to report it, and the exit code says how the command ended.
stderr.on('error', () => {});

const env = environment();
const code = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout,
  stderr,
  env,
  cwd: process.cwd(),
  signal: new AbortController().signal,
  now: () => new Date(),
});
await flushed(stdout);
const error = outputError(failure);
if (error) printError({ stderr, env }, error);
await flushed(stderr);
// Setting `exitCode` is not enough: an open standard input (a pipe that nobody closes) would keep the process running.
process.exit(error ? exitCodes.failed : code);
