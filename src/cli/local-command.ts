import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, PlatformError } from '../domain/errors.ts';
import type { Session } from './session.ts';

/** Part of the platform's checkout, and not of the client's package. */
const program = fileURLToPath(new URL('../launcher/local-program.ts', import.meta.url));

/** What the program says last. An error without a code is a defect. */
type Ending =
  | { readonly done: Readonly<Record<string, unknown>> }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint?: string } };

/**
 * Commands that act on this machine's platform, not through its API. A program of the launcher does them, with this
 * terminal; the client imports nothing of the server. Throws `unavailable` in an installed client, and what the program
 * refused.
 */
export async function runLocally(session: Session, name: string, args: readonly string[]): Promise<void> {
  if (!existsSync(program)) {
    throw new PlatformError('unavailable', `paas ${name} works only in the platform's own checkout.`, {
      hint: `On the platform's machine, in its folder: npx paas ${name}`,
    });
  }
  const ending = await endingOf(name, args);
  if ('error' in ending) {
    const { code, message, hint } = ending.error;
    throw new PlatformError(code, message, hint === undefined ? {} : { hint });
  }
  if (session.json) session.printJson(ending.done);
}

function endingOf(name: string, args: readonly string[]): Promise<Ending> {
  return new Promise((resolve, reject) => {
    // What a person reads goes to standard error; standard output is for the data of `--json`.
    const child = fork(program, [name, ...args], { stdio: ['inherit', 2, 'inherit', 'ipc'] });
    let ending: Ending | undefined;
    child.on('message', (message) => {
      ending = message as Ending;
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (ending) resolve(ending);
      else reject(new Error(`${program} ended without an answer (${signal ?? `exit code ${code}`}).`));
    });
  });
}
