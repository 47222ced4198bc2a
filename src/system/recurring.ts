import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

export interface RecurringOptions {
  /** For the log: "put back lost networks". */
  readonly what: string;
  readonly everyMs: number;
  readonly work: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Something done again and again, with a pause in between and never twice at once. A failure is told when it begins, not
 * every time, and ends nothing.
 */
export class Recurring {
  readonly #options: RecurringOptions;
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #failing = false;

  constructor(options: RecurringOptions) {
    this.#options = options;
  }

  /** Resolves after the first time, however it went. */
  start(): Promise<void> {
    const first = this.#once();
    this.#running = first.then(() => this.#forEver());
    return first;
  }

  /** The first time comes after the first pause. */
  startLater(): void {
    this.#running = this.#forEver();
  }

  /** Resolves when it does not work any more. What the signal does not end is waited for. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #forEver(): Promise<void> {
    const { clock, everyMs } = this.#options;
    const { signal } = this.#closing;
    for (;;) {
      await clock.sleep(everyMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.#once();
    }
  }

  async #once(): Promise<void> {
    const { work, what, logger } = this.#options;
    const { signal } = this.#closing;
    try {
      await work(signal);
      this.#failing = false;
    } catch (error) {
      if (signal.aborted) return;
      if (!this.#failing) logger.warn(`could not ${what}; trying on`, { error });
      this.#failing = true;
    }
  }
}
