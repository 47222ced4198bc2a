import { type ChildProcess, fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environment } from '../config/environment.ts';
import type { Settings } from '../config/settings.ts';
import { ownVariables } from './service-notices.ts';
import type { Signals } from './signals.ts';

/** The set-up's first message: the settings are valid, and PAAS_HOME can be used. It waits for `goOn`. */
export interface ConfiguredMessage {
  readonly type: 'configured';
  readonly settings: Settings;
  /** The flags as variables, because the programs cannot read the set-up's flags. */
  readonly env: Readonly<Record<string, string>>;
}

/** Begins anew where a platform's store is lost. */
export const newPlatformFlag = '--new-platform';

/** The launcher's answer: perform the steps. */
export const goOnMessage = { type: 'go on' } as const;

/** The set-up, a process of its own with this terminal. It prints the reason itself when it fails. */
export interface SetUp {
  /** Null when it has ended without settings; `ended` has its exit code. */
  readonly configured: Promise<ConfiguredMessage | null>;
  /** Its exit code: 0 when this host and this PAAS_HOME have all they need. */
  readonly ended: Promise<number>;
  /** Lets it perform its steps. */
  goOn(): void;
  /** Ends it before its steps, because nothing is to be done. May be called after its end. */
  cancel(): void;
}

const script = fileURLToPath(new URL('./set-up-program.ts', import.meta.url));

/** Starts the set-up. Passes the signals on to it. */
export function startSetUp(args: readonly string[], signals: Signals): SetUp {
  const cache = getCompileCacheDir();
  const child = fork(script, [...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...environment(), ...ownVariables, ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }) },
  });
  const ended = endOf(child, signals);
  const configured = new Promise<ConfiguredMessage | null>((resolve) => {
    child.on('message', (message) => {
      if (isConfigured(message)) resolve(message);
    });
    const none = () => resolve(null);
    ended.then(none, none);
  });
  return {
    configured,
    ended,
    goOn: () => void (child.connected && child.send(goOnMessage)),
    cancel: () => void child.kill('SIGTERM'),
  };
}

function endOf(child: ChildProcess, signals: Signals): Promise<number> {
  return new Promise((resolve, reject) => {
    const stop = () => child.kill('SIGTERM');
    const kill = () => child.kill('SIGKILL');
    signals.first.addEventListener('abort', stop, { once: true });
    signals.second.addEventListener('abort', kill, { once: true });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      signals.first.removeEventListener('abort', stop);
      signals.second.removeEventListener('abort', kill);
      if (code !== null || signals.first.aborted) resolve(code ?? 0);
      else reject(new Error(`The set-up was ended by ${signal}.`));
    });
  });
}

function isConfigured(message: unknown): message is ConfiguredMessage {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'configured';
}
