import { spawn } from 'node:child_process';
import { environment } from '../config/environment.ts';
import { systemClock } from '../system/clock.ts';
import type { LinkHello, ReadyFacts } from '../system/program-link.ts';
import { watchProgram } from './program-watch.ts';
import { describeProcess, isRunning, type RunningProcess, signalProcess } from './running-process.ts';
import { longestSilenceMs } from './silence.ts';

export interface ProgramOptions {
  readonly name: string;
  /** A .ts file, run with the same Node as this process. */
  readonly script: string;
  /** The path of its link (system/program-link.ts). */
  readonly link: string;
  readonly identity: string;
  /** The descriptor of the public socket, which the program gets as its descriptor 3. Asked for at each start. */
  readonly socket?: () => Promise<number>;
  /** A file descriptor for its output; `inherit` for this process's own output. */
  readonly output: number | 'inherit';
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Node's own arguments, before the script. */
  readonly nodeArgs?: readonly string[];
  /** Called after every end that was not asked for, with the reason and the time of the next start. */
  readonly onDeath: (what: string) => void;
  /** Called when `pid` changes. */
  readonly onChange: () => void;
}

/** After this many ends in a row before it was ever ready, a program is not started again. */
const firstStartAttempts = 3;
const stableMs = 1_000;
const startTimeoutMs = 60_000;
const linkEveryMs = 20;
const adoptedLookMs = 50;

/**
 * The wait before a program that ended is started again. `failures` counts its ends in a row within a second of being
 * ready, or before. The first start is at once, the next ones within 1 s. After ten it is 10 s, unless it was ready.
 * Pure.
 */
export function restartDelayMs(failures: number, wasReady: boolean): number {
  if (failures <= 1) return 0;
  return failures <= 10 || wasReady ? Math.min(1000, 125 * 2 ** Math.min(failures - 2, 10)) : 10_000;
}

/** A process of a program: our child, or one that an earlier launcher started. */
interface Life {
  readonly process: RunningProcess;
  /** Resolves with the reason. */
  readonly ended: Promise<string>;
}

/**
 * A program that is started again whenever it ends or does not answer for 2 s, until `stop`. It outlives this process,
 * and the next launcher may adopt it.
 */
export class Program {
  readonly #options: ProgramOptions;
  readonly #stopping = new AbortController();
  #process: RunningProcess | null = null;
  #failures = 0;
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
    return this.#process?.pid ?? null;
  }

  /**
   * Resolves when it is ready. `living` is a process of it that runs already; it is adopted. Rejects when the program
   * ends three times before it is ready.
   */
  start(living: LinkHello | null = null): Promise<ReadyFacts> {
    return new Promise((resolve, reject) => {
      this.#done = this.#keepRunning(living, resolve).catch(reject);
    });
  }

  /**
   * Sends SIGTERM, then SIGKILL after `graceMs`. Resolves when it has ended. It is not started again. May be called
   * twice.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#signal('SIGTERM');
    const killer = setTimeout(() => this.kill(), graceMs);
    await this.#done.catch(() => undefined);
    clearTimeout(killer);
  }

  kill(): void {
    this.#signal('SIGKILL');
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#process) signalProcess(this.#process, signal);
  }

  async #keepRunning(living: LinkHello | null, onReady: (facts: ReadyFacts) => void): Promise<void> {
    const { signal } = this.#stopping;
    let adopted = living;
    while (!signal.aborted) {
      const life = adopted ? adoptedLife(adopted) : await this.#spawn();
      adopted = null;
      // A stop that came meanwhile found no process.
      if (signal.aborted) signalProcess(life.process, 'SIGTERM');
      const { end, readyForMs } = await this.#live(life, onReady);
      if (signal.aborted) return;
      this.#failures = readyForMs !== null && readyForMs > stableMs ? 1 : this.#failures + 1;
      if (!this.#wasReady && this.#failures >= firstStartAttempts) {
        const attempts = this.#failures;
        this.#failures = 0;
        throw new Error(`The ${this.name} ended ${attempts} times before it was ready (${end}).`);
      }
      const delayMs = restartDelayMs(this.#failures, readyForMs !== null);
      this.#options.onDeath(`${end}; started again ${delayMs === 0 ? 'at once' : `in ${delayMs / 1000} s`}`);
      await systemClock.sleep(delayMs, signal).catch(() => undefined);
    }
  }

  /** Follows one process to its end. `readyForMs`: null when it was never ready. */
  async #live(life: Life, onReady: (facts: ReadyFacts) => void) {
    this.#process = life.process;
    this.#options.onChange();
    const over = new AbortController();
    let readyAtMs: number | null = null;
    let reason: string | null = null;
    const kill = (why: string) => {
      reason = why;
      signalProcess(life.process, 'SIGKILL');
    };
    const late = setTimeout(() => kill(`not ready within ${startTimeoutMs / 1000} s`), startTimeoutMs);
    const onHello = (hello: LinkHello) => {
      if (hello.pid !== life.process.pid) return;
      if (hello.facts === null) return;
      clearTimeout(late);
      readyAtMs ??= systemClock.monotonicMs();
      this.#wasReady = true;
      onReady(hello.facts);
    };
    const watched = this.#watch(life, onHello, over.signal).then((isSilent) => {
      if (isSilent) kill(`did not answer for ${longestSilenceMs / 1000} s`);
    });
    const ended = await life.ended;
    over.abort();
    clearTimeout(late);
    await watched;
    this.#process = null;
    this.#options.onChange();
    const readyForMs = readyAtMs === null ? null : systemClock.monotonicMs() - readyAtMs;
    return { end: reason ?? ended, readyForMs };
  }

  /** Whether the program fell silent after it was ready. Before, its predecessor may listen at the link. */
  async #watch(life: Life, onHello: (hello: LinkHello) => void, signal: AbortSignal): Promise<boolean> {
    const { link } = this.#options;
    const { pid } = life.process;
    let isReady = false;
    while (!signal.aborted) {
      const foreign = new AbortController();
      const hear = (hello: LinkHello) => {
        if (hello.pid !== pid) return foreign.abort();
        isReady ||= hello.facts !== null;
        onHello(hello);
      };
      const until = AbortSignal.any([signal, foreign.signal]);
      const end = await watchProgram({ path: link, pid, onHello: hear, signal: until });
      if (end === 'silent' && isReady) return true;
      await systemClock.sleep(linkEveryMs, signal).catch(() => undefined);
    }
    return false;
  }

  async #spawn(): Promise<Life> {
    const { script, link, identity, socket, output, env, nodeArgs = [] } = this.#options;
    const fd = await socket?.();
    const child = spawn(
      process.execPath,
      [...process.execArgv, ...nodeArgs, script, link, identity, ...(fd === undefined ? [] : ['3'])],
      {
        // A process group of its own. A terminal's Ctrl-C goes to the launcher, which ends its programs in order.
        detached: true,
        stdio: ['ignore', output, output, ...(fd === undefined ? [] : [fd])],
        env: { ...environment(), ...env },
      },
    );
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    return { process: describeProcess(child.pid ?? 0), ended };
  }
}

/** A process that is not our child ends without telling us. */
function adoptedLife({ pid }: LinkHello): Life {
  const process = describeProcess(pid);
  const ended = (async () => {
    while (isRunning(process)) await systemClock.sleep(adoptedLookMs);
    return 'ended';
  })();
  return { process, ended };
}
