import type { Clock } from './clock.ts';

export interface BucketOptions {
  /** What may be taken at once after a rest. */
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

  /** What can be taken now. */
  get level(): number {
    const { capacity, perSecond } = this.#options;
    const nowMs = this.#clock.monotonicMs();
    this.#level = Math.min(capacity, this.#level + ((nowMs - this.#filledAtMs) / 1000) * perSecond);
    this.#filledAtMs = nowMs;
    return this.#level;
  }

  /** It was left alone so long that a new one would be no other. */
  get isFull(): boolean {
    return this.level >= this.#options.capacity;
  }

  /** Takes so much, or nothing where there is less. */
  take(count = 1): boolean {
    if (this.level < count) return false;
    this.#level -= count;
    return true;
  }
}
