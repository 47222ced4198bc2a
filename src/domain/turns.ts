import { PlatformError } from './errors.ts';

/**
 * One at a time per key, in the order of asking. Within one process; what two processes must not do at once is guarded
 * in the store.
 */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` when all earlier work of this key has ended, however it ended. An aborted wait throws `cancelled`. */
  async run<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const turn = before.then(() => {
      if (signal?.aborted) throw new PlatformError('cancelled', 'Cancelled before its turn came.');
      return work();
    });
    const settled = turn.catch(() => undefined);
    this.#last.set(key, settled);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    }
  }

  isBusy(key: string): boolean {
    return this.#last.has(key);
  }
}
