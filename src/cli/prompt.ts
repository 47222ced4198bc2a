import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';
import type { Io } from './io.ts';

interface PromptOptions {
  /** Does not show what the user types. */
  readonly hidden?: boolean;
  /** The hint of the error when there is neither a terminal nor input: how a script gives the answer. */
  readonly scriptHint?: string;
}

/** Asks on stderr and returns one line of the user's input. Without a terminal, returns the first line of standard input. */
export async function prompt(
  io: Io,
  question: string,
  { hidden = false, scriptHint }: PromptOptions = {},
): Promise<string> {
  const terminal = io.stdin.isTTY === true;
  if (terminal) io.stderr.write(question);
  // readline repeats typed characters on its output. A secret must not be shown.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: io.stdin, output: hidden || !terminal ? silent : io.stderr, terminal });
  try {
    const { promise: answer, resolve, reject } = Promise.withResolvers<string>();
    const stop = () => reject(terminal ? new PlatformError('cancelled', 'Aborted.') : noInput(scriptHint));
    // Not `question`: it misses a last line without a line break, as in `printf %s "$TOKEN" | paas login`.
    lines.once('line', resolve).once('close', stop).once('SIGINT', stop);
    io.signal.addEventListener('abort', stop, { once: true });
    return (await answer).trim();
  } finally {
    lines.close();
    if (terminal && hidden) io.stderr.write('\n');
  }
}

function noInput(scriptHint: string | undefined): PlatformError {
  const message = 'Standard input is empty, and there is no terminal to ask on.';
  return new PlatformError('cancelled', message, scriptHint === undefined ? {} : { hint: scriptHint });
}
