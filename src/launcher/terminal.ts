import { PlatformError } from '../domain/errors.ts';
import { flushed } from '../system/flushed.ts';

/** Messages for the person at the terminal, or the reader of the journal. */
export interface Announcer {
  /** Announces a step, with its reason. */
  step(text: string): void;
  /** Shows progress within the step. */
  detail(text: string): void;
  /** Prints text without a prefix. */
  print(text: string): void;
}

export function announceOn(stream: NodeJS.WritableStream): Announcer {
  return {
    step: (text) => stream.write(`-----> ${text}\n`),
    detail: (text) => stream.write(`       ${text.replaceAll('\n', '\n       ')}\n`),
    print: (text) => stream.write(`${text}\n`),
  };
}

/** Prints the reason and ends the process with exit code 1. */
export function endWith(error: unknown): Promise<never> {
  printError(error);
  return endProcess(1);
}

/** Prints the reason and the hint. A defect is printed with its stack. */
export function printError(error: unknown): void {
  const known = error instanceof PlatformError;
  process.stderr.write(` !     ${known ? error.message : (error as Error).stack}\n`);
  if (known && error.hint) process.stderr.write(` !     ${error.hint}\n`);
}

/** Ends the process when the readers of its outputs have taken everything. */
export async function endProcess(code: number): Promise<never> {
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(code);
}

/** Lets the process go on when the reader of an output is gone, as in `npm start | head`. */
export function goOnUnread(): void {
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
}
