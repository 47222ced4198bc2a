import type { Clock } from './clock.ts';

export interface BucketOptions {
  /** Most tokens that can be taken at once. */
  readonly capacity: number;
  readonly perSecond: number;
}

/** A token bucket: lets a burst through, and in the long run no more than its rate. */
export class TokenBucket {
  readonly #options: BucketOptions;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #level: number;
  #filledAtMs: number;

  constructor(options: BucketOptions, clock: Pick<Clock, 'monotonicMs'>) {
    this.#options = options;
    this.#clock = clock;
    this.#level = options.capacity;
    this.#filledAtMs = clock.monotonicMs();
  }

  /** The tokens that can be taken now. */
  get level(): number {
    const { capacity, perSecond } = this.#options;
    const nowMs = this.#clock.monotonicMs();
    this.#level = Math.min(capacity, this.#level + ((nowMs - this.#filledAtMs) / 1000) * perSecond);
    this.#filledAtMs = nowMs;
    return this.#level;
  }

  /** True when the bucket is in the state of a new one. */
  get isFull(): boolean {
    return this.level >= this.#options.capacity;
  }

  /** Takes that many tokens and returns true, or takes none when there are fewer. */
  take(count = 1): boolean {
    if (this.level < count) return false;
    this.#level -= count;
    return true;
  }
}
