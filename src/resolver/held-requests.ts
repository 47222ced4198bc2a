import type { Timing } from './timing.ts';

/**
 * Requests that wait for an instance, limited in number per app and in all. Those of an app are woken together when its
 * routes change, and all of them every `probeMs`. Each one knows its own deadline: it tries again, or leaves.
 */
export class HeldRequests {
  readonly #timing: Pick<Timing, 'probeMs' | 'heldPerApp' | 'heldInAll'>;
  readonly #waiting = new Map<string, Set<() => void>>();
  #count = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(timing: Pick<Timing, 'probeMs' | 'heldPerApp' | 'heldInAll'>) {
    this.#timing = timing;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds a request under `key`. Returns a function that removes it, or null when too many wait. */
  join(key: string, wake: () => void): (() => void) | null {
    const requests = this.#waiting.get(key) ?? new Set();
    if (requests.size >= this.#timing.heldPerApp || this.#count >= this.#timing.heldInAll) return null;
    this.#waiting.set(key, requests.add(wake));
    this.#count += 1;
    this.#timer ??= setInterval(() => this.wakeAll(), this.#timing.probeMs);
    return () => this.#leave(key, wake);
  }

  /** Wakes all requests. */
  wakeAll(): void {
    for (const key of [...this.#waiting.keys()]) this.wake(key);
  }

  /** Wakes the requests under `key`, in the order of arrival. */
  wake(key: string): void {
    const requests = this.#waiting.get(key);
    if (requests) for (const wake of [...requests]) if (requests.has(wake)) wake();
  }

  #leave(key: string, wake: () => void): void {
    const requests = this.#waiting.get(key);
    if (!requests?.delete(wake)) return;
    this.#count -= 1;
    if (requests.size === 0) this.#waiting.delete(key);
    if (this.#count > 0 || !this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
