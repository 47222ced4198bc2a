import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, PlatformError } from '../domain/errors.ts';
import type { Session } from './session.ts';

/** Exists in the platform's checkout only, not in the client's package. */
const program = fileURLToPath(new URL('../launcher/local-program.ts', import.meta.url));

/** The program's last message. */
type Outcome =
  | { readonly done: Readonly<Record<string, unknown>> }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint?: string } };

/**
 * Runs a command that acts on this machine's platform without its API. A program of the launcher does it on this terminal,
 * because the client imports nothing of the server. Throws `unavailable` in an installed client, and the program's errors.
 */
export async function runLocally(session: Session, name: string, args: readonly string[]): Promise<void> {
  if (!existsSync(program)) {
    throw new PlatformError('unavailable', `paas ${name} works only in the platform's checkout.`, {
      hint: `On the platform's machine, in its folder: npx paas ${name}`,
    });
  }
  const outcome = await runProgram(name, args);
  if ('error' in outcome) {
    const { code, message, hint } = outcome.error;
    throw new PlatformError(code, message, hint === undefined ? {} : { hint });
  }
  if (session.json) session.printJson(outcome.done);
}

function runProgram(name: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    // Its output is for people and goes to stderr: stdout is for the data of `--json`.
    const child = fork(program, [name, ...args], { stdio: ['inherit', 2, 'inherit', 'ipc'] });
    let outcome: Outcome | undefined;
    child.on('message', (message) => {
      outcome = message as Outcome;
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (outcome) resolve(outcome);
      else reject(new Error(`${program} ended without an answer (${signal ?? `exit code ${code}`}).`));
    });
  });
}
