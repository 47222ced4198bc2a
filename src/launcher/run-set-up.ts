import { fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environment } from '../config/environment.ts';
import type { Settings } from '../config/settings.ts';
import type { Signals } from './signals.ts';

/** The set-up's message when this host and this PAAS_HOME have all they need. */
export interface PreparedMessage {
  readonly type: 'prepared';
  readonly settings: Settings;
  /** The flags as variables, because the programs cannot read the set-up's flags. */
  readonly env: Readonly<Record<string, string>>;
}

/** `ended`: nothing is prepared, and the set-up has printed the reason. `code` is its exit code. */
export type SetUpEnd = PreparedMessage | { readonly type: 'ended'; readonly code: number };

const script = fileURLToPath(new URL('./set-up-program.ts', import.meta.url));

/** Runs the set-up in a process of its own, with this terminal. Passes the signals on to it. */
export function runSetUp(args: readonly string[], signals: Signals): Promise<SetUpEnd> {
  const cache = getCompileCacheDir();
  return new Promise((resolve, reject) => {
    const child = fork(script, [...args], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: { ...environment(), ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }) },
    });
    let end: SetUpEnd = { type: 'ended', code: 0 };
    const stop = () => child.kill('SIGTERM');
    const kill = () => child.kill('SIGKILL');
    signals.first.addEventListener('abort', stop, { once: true });
    signals.second.addEventListener('abort', kill, { once: true });
    child.on('message', (message) => {
      if (isPrepared(message)) end = message;
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      signals.first.removeEventListener('abort', stop);
      signals.second.removeEventListener('abort', kill);
      if (code === 0) resolve(end);
      else if (code !== null) resolve({ type: 'ended', code });
      else if (signals.first.aborted) resolve({ type: 'ended', code: 0 });
      else reject(new Error(`The set-up was ended by ${signal}.`));
    });
  });
}

function isPrepared(message: unknown): message is PreparedMessage {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'prepared';
}
