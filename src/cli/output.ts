import { fstatSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';
import type { Output } from './io.ts';

/** This process's standard output (1) or standard error (2). */
export function openOutput(fd: 1 | 2): Output {
  return fstatSync(fd).isFile() ? fileOutput(fd) : fd === 1 ? process.stdout : process.stderr;
}

/** Node's own stream for a file takes a write that ended early, at the end of the disk's space, for a whole one. */
function fileOutput(fd: number): Output {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      try {
        for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

/** Writes, and resolves when the output has taken it: true, or false when nobody reads the output any more. */
export function written(output: Writable, chunk: string | Uint8Array): Promise<boolean> {
  return new Promise((resolve) => output.write(chunk, (error) => resolve(!error)));
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no space left on the disk',
  EDQUOT: 'your quota of the disk is used up',
  EFBIG: 'the file would become larger than is allowed',
  EIO: 'the disk or the terminal failed',
};

/** The error to report when standard output failed. Null when its reader has closed it, as in `paas logs | head`. */
export function outputError(cause: NodeJS.ErrnoException | null): PlatformError | null {
  if (cause === null || cause.code === 'EPIPE') return null;
  const reason = reasons[cause.code ?? ''] ?? cause.message;
  return new PlatformError('unavailable', `The output could not be written: ${reason}.`, {
    hint: 'What was printed is incomplete. What the command changed stays changed.',
    cause,
  });
}
