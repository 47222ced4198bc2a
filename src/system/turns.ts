import { PlatformError } from '../domain/errors.ts';

/**
 * One at a time per key, in the order of asking. Within one process; what two processes must not do at once is guarded
 * in the store.
 */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /**
   * Runs `work` when all earlier work of this key has ended, however it ended. A wait that is aborted throws `cancelled`
   * at once and its work never starts; work that has started hears of it only by a signal of its own.
   */
  run<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const giveUp = () => reject(new PlatformError('cancelled', 'Cancelled before its turn came.'));
    const turn = async () => {
      signal?.removeEventListener('abort', giveUp);
      if (signal?.aborted) return giveUp();
      try {
        resolve(await work());
      } catch (error) {
        reject(error);
      }
    };
    if (signal?.aborted) giveUp();
    signal?.addEventListener('abort', giveUp, { once: true });
    const ended = (this.#last.get(key) ?? Promise.resolve()).then(turn);
    this.#last.set(key, ended);
    void ended.then(() => {
      if (this.#last.get(key) === ended) this.#last.delete(key);
    });
    return promise;
  }

  /** Whether somebody has a turn of this key, or waits for one. */
  isBusy(key: string): boolean {
    return this.#last.has(key);
  }

  /** Resolves when no turn is left, those included that come meanwhile. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }
}
