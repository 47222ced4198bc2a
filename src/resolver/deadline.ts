/**
 * A deadline that moves. Most requests end long before theirs, and each byte moves it. So moving it to later costs one
 * assignment, and only moving it to earlier sets the timer again.
 */
export class Deadline {
  readonly #passed: () => void;
  #atMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = 0;

  constructor(passed: () => void) {
    this.#passed = passed;
  }

  /** Calls back `ms` after `nowMs` (monotonic), unless it is set again or cleared before. */
  set(ms: number, nowMs: number): void {
    this.#atMs = nowMs + ms;
    if (this.#timer && this.#timerAtMs <= this.#atMs) return;
    this.#arm(ms);
  }

  clear(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(ms: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timerAtMs = this.#atMs;
    this.#timer = setTimeout(this.#check, ms);
  }

  readonly #check = (): void => {
    this.#timer = null;
    const leftMs = this.#atMs - performance.now();
    // Timers may fire up to a millisecond early against the monotonic clock.
    if (leftMs > 1) this.#arm(leftMs);
    else this.#passed();
  };
}
