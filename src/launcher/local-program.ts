import { PlatformError } from '../domain/errors.ts';
import { runLocalCommand } from './local-commands.ts';
import { endProcess, goOnUnread } from './terminal.ts';

/*
 * The program of `paas platform:…` and `stack:rebuild`: one command on this machine. The
 * result goes to the client by IPC. A defect prints its stack and ends the process without a result.
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

/** Exits as soon as the message is sent, because open connections to the engine would keep the process alive. */
function send(ending: object): void {
  process.send?.(ending, () => endProcess(0));
}

goOnUnread();
await main(process.argv.slice(2));
