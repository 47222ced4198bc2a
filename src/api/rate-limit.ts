import { PlatformError } from '../domain/errors.ts';
import type { Clock } from '../system/clock.ts';
import { TokenBucket } from '../system/token-bucket.ts';

/**
 * Allows bursts of scripts: a used-up limit is full again after five minutes. Heroku allows 4,500 requests per hour.
 */
const capacity = 4500;
const perSecond = capacity / (5 * 60);

/** One bucket per account. Only known accounts get one, so their number is bounded. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Counts one request and returns the number left, for the RateLimit-Remaining header. Throws `rate_limited` when none
   * is left.
   */
  take(accountId: string): number {
    let bucket = this.#buckets.get(accountId);
    if (!bucket) {
      bucket = new TokenBucket({ capacity, perSecond }, this.#clock);
      this.#buckets.set(accountId, bucket);
    }
    if (bucket.take()) return Math.floor(bucket.level);
    throw new PlatformError('rate_limited', `More than ${capacity} requests within 5 minutes.`, {
      hint: 'Wait a minute, then try again.',
    });
  }
}
