import { type ChildProcess, fork } from 'node:child_process';
import { environment } from '../config/environment.ts';
import { systemClock } from '../system/clock.ts';

/** A program's message to its launcher over IPC, when it is ready. Each program adds fields of its own. */
export interface ReadyMessage {
  readonly type: 'ready';
  /** From the orchestrator: the port of the API, also when the setting was 0. */
  readonly apiPort?: number;
  /** From the resolver: the public address. */
  readonly address?: { readonly host: string; readonly port: number };
}

export interface ProgramOptions {
  readonly name: string;
  /** A .ts file, run with the same Node as this process. */
  readonly script: string;
  /** A file descriptor for its output; `inherit` for this process's own output. */
  readonly output: number | 'inherit';
  readonly env?: Readonly<Record<string, string>>;
  /** Node's own arguments, before the script. */
  readonly nodeArgs?: readonly string[];
  /** Called after every end that was not asked for, with the reason and the time of the next start. */
  readonly onDeath: (what: string) => void;
  /** Called when `pid` changes. */
  readonly onChange: () => void;
}

/** After this many ends in a row before it was ever ready, a program is not started again. */
const firstStartAttempts = 3;
const stableMs = 30_000;

/**
 * The wait before a program that ended is started again. `deaths` counts its ends without 30 s of running in between.
 * The first start is at once, the next ones within 1 s; after ten deaths it is 10 s. Pure.
 */
export function restartDelayMs(deaths: number): number {
  if (deaths <= 1) return 0;
  return deaths <= 10 ? Math.min(1000, 125 * 2 ** (deaths - 2)) : 10_000;
}

/** A child process that is started again whenever it ends, until `stop`. */
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

  /** Resolves with its first ready message. Rejects when it ends three times before it sends one. */
  start(): Promise<ReadyMessage> {
    return new Promise((resolve, reject) => {
      this.#done = this.#keepRunning(resolve).catch(reject);
    });
  }

  /**
   * Sends SIGTERM, then SIGKILL after `graceMs`. Resolves when it has ended. It is not started again. May be called
   * twice.
   */
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
        // A process group of its own. A terminal's Ctrl-C goes to the launcher, which ends its programs in order.
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
