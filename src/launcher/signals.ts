/** npm, a shell and the terminal may each hand on one and the same Ctrl-C. */
const sameSignalMs = 1000;

/** What asks the platform to end: the first time in order, the second time at once. */
export class Signals {
  readonly #first = new AbortController();
  readonly #second = new AbortController();
  #firstMs = 0;

  constructor() {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => this.hear(name));
  }

  get first(): AbortSignal {
    return this.#first.signal;
  }

  get second(): AbortSignal {
    return this.#second.signal;
  }

  untilFirst(): Promise<void> {
    if (this.first.aborted) return Promise.resolve();
    return new Promise((resolve) => this.first.addEventListener('abort', () => resolve(), { once: true }));
  }

  /** Also what is as good as a signal. */
  hear(name: string): void {
    const nowMs = performance.now();
    if (!this.first.aborted) {
      this.#firstMs = nowMs;
      this.#first.abort(new Error(name));
    } else if (nowMs - this.#firstMs > sameSignalMs) {
      this.#second.abort();
    }
  }
}
