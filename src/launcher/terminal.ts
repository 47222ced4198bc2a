import { PlatformError } from '../domain/errors.ts';

/** What the person at the terminal, or the reader of the journal, is told while the host is set up. */
export interface Announcer {
  /** A step begins: what is done, and why. */
  step(text: string): void;
  /** A sign of life within the step. */
  detail(text: string): void;
  /** Plain text, as it stands. */
  print(text: string): void;
}

export function announceOn(stream: NodeJS.WritableStream): Announcer {
  return {
    step: (text) => stream.write(`-----> ${text}\n`),
    detail: (text) => stream.write(`       ${text.replaceAll('\n', '\n       ')}\n`),
    print: (text) => stream.write(`${text}\n`),
  };
}

/** Ends a program of the launcher with the reason, as a person reads it; what is a bug of ours with its stack. */
export function endWith(error: unknown): never {
  const known = error instanceof PlatformError;
  process.stderr.write(` !     ${known ? error.message : (error as Error).stack}\n`);
  if (known && error.hint) process.stderr.write(` !     ${error.hint}\n`);
  process.exit(1);
}
