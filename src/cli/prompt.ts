import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';
import type { Io } from './io.ts';

/** One line from the person, asked on stderr; or the first line of a standard input that is no terminal. */
export async function prompt(
  io: Io,
  question: string,
  {
    hidden = false,
    instead,
  }: { readonly hidden?: boolean /** How a script says it. */; readonly instead?: string } = {},
): Promise<string> {
  const terminal = io.stdin.isTTY === true;
  if (terminal) io.stderr.write(question);
  // readline shows what is typed on its output: nowhere, for a secret.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: io.stdin, output: hidden || !terminal ? silent : io.stderr, terminal });
  try {
    const { promise: answer, resolve, reject } = Promise.withResolvers<string>();
    const stop = () => reject(terminal ? new PlatformError('cancelled', 'Aborted.') : nothingCame(instead));
    // Not `question`: it does not hear a last line without a line break, as in `printf %s "$TOKEN" | paas login`.
    lines.once('line', resolve).once('close', stop).once('SIGINT', stop);
    io.signal.addEventListener('abort', stop, { once: true });
    return (await answer).trim();
  } finally {
    lines.close();
    if (terminal && hidden) io.stderr.write('\n');
  }
}

function nothingCame(instead: string | undefined): PlatformError {
  const message = 'Nothing came on standard input, and there is no terminal to ask at.';
  return new PlatformError('cancelled', message, instead === undefined ? {} : { hint: instead });
}
