import { PlatformError } from '../../domain/errors.ts';
import type { ContainerDisk } from '../../domain/host-hands.ts';
import type { JailLimits } from './limits.ts';

/**
 * Ends a build that exceeds a limit or that its caller cancelled: `signal` aborts with a PlatformError as its reason, and
 * every waiting `race` throws it.
 */
export class Guard implements Disposable {
  readonly #limits: JailLimits;
  readonly #ended = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #caller: AbortSignal;
  readonly #onCallerAbort: () => void;
  #watching = 0;
  #agentWatches = true;
  #outputAt = performance.now();
  #agentAt = performance.now();

  constructor(limits: JailLimits, caller: AbortSignal) {
    this.#limits = limits;
    this.#caller = caller;
    this.#onCallerAbort = () => this.#end(cancelled(caller.reason));
    caller.addEventListener('abort', this.#onCallerAbort, { once: true });
    if (caller.aborted) this.#onCallerAbort();
    this.#timers.push(setTimeout(() => this.#end(this.#tooLong()), limits.wallMs));
    const tick = Math.min(1000, limits.idleMs / 4, limits.silenceMs / 4);
    this.#timers.push(setInterval(() => this.#check(), tick));
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Checks idleness, and with `agent` the agent's silence, until the result is disposed of: call it while a command runs. */
  watch({ agent = true }: { readonly agent?: boolean } = {}): Disposable {
    this.#watching += 1;
    this.#agentWatches = agent;
    this.#outputAt = this.#agentAt = performance.now();
    return {
      [Symbol.dispose]: () => {
        this.#watching -= 1;
      },
    };
  }

  sawOutput(): void {
    this.#outputAt = performance.now();
  }

  /** A line of the agent, whatever it says. */
  sawAgent(): void {
    this.#agentAt = performance.now();
  }

  /** Ends the build if this is more than it may have. */
  sawDisk({ bytes, files }: ContainerDisk): void {
    const megabytes = Math.floor(bytes / 1024 / 1024);
    const limit = Math.floor(this.#limits.diskBytes / 1024 / 1024);
    if (megabytes > limit) {
      this.#end(
        new PlatformError('build_failed', `The build used ${megabytes} MB of disk, and ${limit} MB is the limit.`, {
          hint: 'The limit is the setting PAAS_BUILD_DISK_MIB.',
        }),
      );
    } else if (files > this.#limits.files) {
      this.#end(
        new PlatformError('build_failed', `The build made ${files} files, and ${this.#limits.files} is the limit.`),
      );
    }
  }

  /** Ends the build, because nobody knows any more what it has on disk. */
  uncounted(cause: unknown): void {
    const seconds = duration(this.#limits.silenceMs);
    this.#end(
      new PlatformError('build_failed', `What the build has on disk could not be counted for ${seconds}.`, {
        hint: 'Push again. It may have made more processes, open files or folders than can be counted in time.',
        cause,
      }),
    );
  }

  outOfMemory(): PlatformError {
    return new PlatformError(
      'build_failed',
      `The build ran out of memory: ${Math.floor(this.#limits.memoryBytes / 1024 / 1024)} MB is the limit.`,
    );
  }

  /** The result of `work`. Throws the guard's reason when the build is ended first. */
  async race<T>(work: Promise<T>): Promise<T> {
    // It may still fail when nothing awaits it: after the guard's reason, or when that was there before.
    work.catch(() => undefined);
    this.signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = () => reject(this.signal.reason);
    this.signal.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([work, promise]);
    } finally {
      this.signal.removeEventListener('abort', stop);
    }
  }

  /** The guard's reason if it ended the build; otherwise `other`. */
  async reasonOr(other: Promise<PlatformError>): Promise<unknown> {
    const reason = await other;
    return this.signal.aborted ? this.signal.reason : reason;
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#caller.removeEventListener('abort', this.#onCallerAbort);
  }

  #check(): void {
    if (this.#watching === 0) return;
    const now = performance.now();
    if (now - this.#outputAt > this.#limits.idleMs) this.#end(this.#tooQuiet());
    else if (this.#agentWatches && now - this.#agentAt > this.#limits.silenceMs) this.#end(this.#silent());
  }

  #end(reason: PlatformError): void {
    if (!this.#ended.signal.aborted) this.#ended.abort(reason);
  }

  #tooLong(): PlatformError {
    return new PlatformError('timeout', `The build took longer than ${duration(this.#limits.wallMs)} and was ended.`, {
      hint: 'Its last lines show where it was. The limit is the setting PAAS_BUILD_TIMEOUT_S.',
      retryable: false,
    });
  }

  #tooQuiet(): PlatformError {
    return new PlatformError('timeout', `The build wrote nothing for ${duration(this.#limits.idleMs)} and was ended.`, {
      hint: 'It may wait for input, which a build never gets. Its last lines show where it was.',
      retryable: false,
    });
  }

  #silent(): PlatformError {
    return new PlatformError(
      'build_failed',
      `The build left no room for the program that watches it: ${this.#limits.pids} processes is the limit.`,
    );
  }
}

function cancelled(reason: unknown): PlatformError {
  return reason instanceof PlatformError
    ? reason
    : new PlatformError('cancelled', 'The build was cancelled.', { cause: reason });
}

function duration(ms: number): string {
  return ms >= 120_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 100) / 10} s`;
}
