import { environment } from '../config/environment.ts';
import { exitCodes } from './errors.ts';
import { run } from './run.ts';

// The reader may close its end early, as in `paas logs | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failed);
});

const never = new AbortController().signal;
const code = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: environment(),
  cwd: process.cwd(),
  signal: never,
  now: () => new Date(),
});
// Setting `exitCode` is not enough: an open standard input (a pipe that nobody closes) would keep the process running.
process.exit(code);
