import { execFile } from 'node:child_process';
import { PlatformError } from '../domain/errors.ts';

const countDeadlineMs = 30_000;
/** A build has at most 1,024 processes, each with thousands of open files. */
const maxBuffer = 32 * 1024 * 1024;

/**
 * The output of a program that counts files, with the lowest priority. Its exit code does not count, because files that
 * vanish meanwhile make it 1. Throws `unavailable` when it does not end within 30 s.
 */
export function runCounter(program: 'du' | 'find', args: readonly string[], signal: AbortSignal): Promise<string> {
  const options = { timeout: countDeadlineMs, maxBuffer, signal, env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } } as const;
  return new Promise((resolve, reject) => {
    execFile('nice', ['-n', '19', program, ...args], options, (error, stdout) => {
      if (error === null || error.code === 1) resolve(stdout);
      else reject(new PlatformError('unavailable', `${program} could not count.`, { cause: error }));
    });
  });
}
