/** npm, a shell and the terminal may each pass on the same Ctrl-C. */
const sameSignalMs = 1000;

/** Requests to end the platform: the first ends it in order, the second at once. */
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

  /** Takes a signal, or an event that counts as one. */
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
