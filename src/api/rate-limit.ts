import { PlatformError } from '../domain/errors.ts';
import type { Clock } from '../system/clock.ts';
import { TokenBucket } from '../system/token-bucket.ts';

/** Room for a burst of scripts; what is used comes back within five minutes. Heroku's own figure is 4,500 an hour. */
const capacity = 4500;
const perSecond = capacity / (5 * 60);

/** A bucket for each account. Bounded by the number of accounts, since only known ones get one. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes one and returns what is left, for the RateLimit-Remaining header. Throws `rate_limited` at nothing left. */
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
