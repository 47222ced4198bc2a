import type { Timing } from './timing.ts';

/**
 * Requests that wait for an instance: bounded in number for each app and over all, and woken together, when their
 * routes change and every `probeMs`. Each one knows its own deadline and asks to go on or leaves.
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

  /** Waits in the line of `key`. Returns how to leave, or null when the line is full. */
  join(key: string, wake: () => void): (() => void) | null {
    const line = this.#waiting.get(key) ?? new Set();
    if (line.size >= this.#timing.heldPerApp || this.#count >= this.#timing.heldInAll) return null;
    this.#waiting.set(key, line.add(wake));
    this.#count += 1;
    this.#timer ??= setInterval(() => this.wakeAll(), this.#timing.probeMs);
    return () => this.#leave(key, wake);
  }

  /** Everybody looks again, in the order of arrival. */
  wakeAll(): void {
    for (const key of [...this.#waiting.keys()]) this.wake(key);
  }

  /** Everybody in the line of `key` looks again, in the order of arrival. */
  wake(key: string): void {
    const line = this.#waiting.get(key);
    if (line) for (const wake of [...line]) if (line.has(wake)) wake();
  }

  #leave(key: string, wake: () => void): void {
    const line = this.#waiting.get(key);
    if (!line?.delete(wake)) return;
    this.#count -= 1;
    if (line.size === 0) this.#waiting.delete(key);
    if (this.#count > 0 || !this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
