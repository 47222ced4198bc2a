import { type ChildProcess, fork } from 'node:child_process';
import { environment } from '../config/environment.ts';
import { systemClock } from '../system/clock.ts';

/** What a program tells its launcher over IPC when it does its work. The rest of the message is the program's own. */
export interface ReadyMessage {
  readonly type: 'ready';
  /** The orchestrator's: where the API listens, also when the setting was 0. */
  readonly apiPort?: number;
  /** The resolver's: where the public enters. */
  readonly address?: { readonly host: string; readonly port: number };
}

export interface ProgramOptions {
  readonly name: string;
  /** A .ts file, run with the Node that runs us. */
  readonly script: string;
  /** Where its output goes: a file descriptor, or ours. */
  readonly output: number | 'inherit';
  readonly env?: Readonly<Record<string, string>>;
  /** For Node itself, before the script. */
  readonly nodeArgs?: readonly string[];
  /** Told of every end that was not asked for, and when it is started again. */
  readonly onDeath: (what: string) => void;
  readonly onChange: () => void;
}

/** A program that does not become ready this many times in a row when the platform starts will not by trying again. */
const firstStartAttempts = 3;
const stableMs = 30_000;

/**
 * How long to wait before a program that died is started again, by how often it died without running 30 s in between. At
 * once the first time, always so soon that it is back within 2 s; slower only when it keeps dying. Pure.
 */
export function restartDelayMs(deaths: number): number {
  if (deaths <= 1) return 0;
  return deaths <= 10 ? Math.min(1000, 125 * 2 ** (deaths - 2)) : 10_000;
}

/** A child process that is kept running: started again whenever it ends, until `stop`. */
export class Program {
  readonly #options: ProgramOptions;
  readonly #stopping = new AbortController();
  #child: ChildProcess | null = null;
  #deaths = 0;
  #wasReady = false;
  #done: Promise<void> = Promise.resolve();

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Null while it is not running. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Resolves with its first ready message; rejects when it ends three times before it sends one. */
  start(): Promise<ReadyMessage> {
    return new Promise((resolve, reject) => {
      this.#done = this.#keepRunning(resolve).catch(reject);
    });
  }

  /** SIGTERM, then SIGKILL after `graceMs`. Resolves when it has ended; it is not started again. May be called twice. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#child?.kill('SIGTERM');
    const killer = setTimeout(() => this.kill(), graceMs);
    await this.#done.catch(() => undefined);
    clearTimeout(killer);
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  async #keepRunning(onReady: (message: ReadyMessage) => void): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const startedMs = systemClock.monotonicMs();
      const end = await this.#runOnce(onReady);
      if (signal.aborted) return;
      this.#deaths = systemClock.monotonicMs() - startedMs > stableMs ? 1 : this.#deaths + 1;
      if (!this.#wasReady && this.#deaths >= firstStartAttempts) {
        throw new Error(`The ${this.name} ended ${this.#deaths} times before it was ready (${end}).`);
      }
      const delayMs = restartDelayMs(this.#deaths);
      this.#options.onDeath(`${end}; started again ${delayMs === 0 ? 'at once' : `in ${delayMs / 1000} s`}`);
      await systemClock.sleep(delayMs, signal).catch(() => undefined);
    }
  }

  #runOnce(onReady: (message: ReadyMessage) => void): Promise<string> {
    const { script, output, env, nodeArgs = [], onChange } = this.#options;
    return new Promise((resolve) => {
      const child = fork(script, [], {
        // A group of its own: a terminal's Ctrl-C is for the launcher, which ends its programs in order.
        detached: true,
        stdio: ['ignore', output, output, 'ipc'],
        env: { ...environment(), ...env },
        execArgv: [...process.execArgv, ...nodeArgs],
      });
      this.#child = child;
      onChange();
      child.on('message', (message) => {
        if (!isReady(message)) return;
        this.#wasReady = true;
        onReady(message);
      });
      const ended = (end: string) => {
        this.#child = null;
        onChange();
        resolve(end);
      };
      child.once('error', (error) => ended(error.message));
      child.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`));
    });
  }
}

function isReady(message: unknown): message is ReadyMessage {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready';
}
