import { PlatformError } from '../domain/errors.ts';
import type { Clock } from '../system/clock.ts';

/** Room for a burst of scripts; what is used comes back within five minutes. Heroku's own figure is 4,500 an hour. */
const capacity = 4500;
const refillPerMs = capacity / (5 * 60_000);

interface Bucket {
  tokens: number;
  atMs: number;
}

/** A token bucket for each account. Bounded by the number of accounts, since only known ones get one. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes one and returns what is left, for the RateLimit-Remaining header. Throws `rate_limited` at nothing left. */
  take(accountId: string): number {
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(accountId) ?? { tokens: capacity, atMs: nowMs };
    bucket.tokens = Math.min(capacity, bucket.tokens + (nowMs - bucket.atMs) * refillPerMs);
    bucket.atMs = nowMs;
    this.#buckets.set(accountId, bucket);
    if (bucket.tokens < 1) {
      throw new PlatformError('rate_limited', `More than ${capacity} requests within 5 minutes.`, {
        hint: 'Wait a minute, then try again.',
      });
    }
    bucket.tokens -= 1;
    return Math.floor(bucket.tokens);
  }
}
