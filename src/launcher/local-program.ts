import { PlatformError } from '../domain/errors.ts';
import { runLocalCommand } from './local-commands.ts';

/*
 * What `paas platform:stop`, `platform:uninstall` and `stack:rebuild` start: one command on this machine, whose ending
 * goes to the client by IPC. A defect ends the process with its stack and without a message.
 */

async function main([name = '', ...args]: readonly string[]): Promise<void> {
  try {
    send({ done: await runLocalCommand(name, args) });
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const { code, message, hint } = error;
    send({ error: { code, message, hint } });
  }
}

/** Kept connections to the engine would keep the process, so it ends as soon as the message is sent. */
function send(ending: object): void {
  if (process.send) process.send(ending, () => process.exit(0));
}

await main(process.argv.slice(2));
