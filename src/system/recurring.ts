import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

export interface RecurringDeps {
  /** For the log, in the form "put back lost networks". */
  readonly what: string;
  readonly everyMs: number;
  readonly work: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Repeats work, with a pause in between and never twice at once. A failure ends nothing. It is logged when it begins,
 * not every time.
 */
export class Recurring {
  readonly #deps: RecurringDeps;
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #failing = false;
  #pause = new AbortController();

  constructor(deps: RecurringDeps) {
    this.#deps = deps;
  }

  /** Resolves after the first run, successful or not. */
  start(): Promise<void> {
    const first = this.#once();
    this.#running = first.then(() => this.#forEver());
    return first;
  }

  /** The first run comes after the first pause. */
  startLater(): void {
    this.#running = this.#forEver();
  }

  /** Ends the pause before the next run, or leaves it out if the work runs now. */
  soon(): void {
    this.#pause.abort();
  }

  /** Aborts the signal of the work, and resolves when the work has ended. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #forEver(): Promise<void> {
    const { clock, everyMs } = this.#deps;
    const { signal } = this.#closing;
    for (;;) {
      await clock.sleep(everyMs, AbortSignal.any([signal, this.#pause.signal])).catch(() => undefined);
      if (signal.aborted) return;
      this.#pause = new AbortController();
      await this.#once();
    }
  }

  async #once(): Promise<void> {
    const { work, what, logger } = this.#deps;
    const { signal } = this.#closing;
    try {
      await work(signal);
      this.#failing = false;
    } catch (error) {
      if (signal.aborted) return;
      if (!this.#failing) logger.warn(`could not ${what}; trying again`, { error });
      this.#failing = true;
    }
  }
}
