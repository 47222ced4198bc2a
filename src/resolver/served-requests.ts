import type { Clock } from '../system/clock.ts';
import { TokenBucket } from '../system/token-bucket.ts';

/**
 * An app's log has a limited size: the lines of a busy app's requests must not push out the output of its processes and
 * builds.
 */
const allowance = { capacity: 100, perSecond: 10 } as const;
const reportEveryMs = 1_000;

interface Served {
  readonly lines: TokenBucket;
  unlisted: number;
}

/**
 * Decides which served requests get a line in their app's log: a hundred at once, then ten per second. The others are
 * counted, and the count is reported every second. Remembers only apps that have used some of their allowance.
 */
export class ServedRequests {
  readonly #reportCount: (appId: string, count: number) => void;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #apps = new Map<string, Served>();
  #timer: NodeJS.Timeout | undefined;

  constructor(reportCount: (appId: string, count: number) => void, clock: Pick<Clock, 'monotonicMs'>) {
    this.#reportCount = reportCount;
    this.#clock = clock;
  }

  /** True when the app's next request gets a line. False when it was counted instead. */
  admits(appId: string): boolean {
    const served = this.#apps.get(appId) ?? this.#begin(appId);
    if (served.lines.take()) return true;
    served.unlisted += 1;
    return false;
  }

  #begin(appId: string): Served {
    const served = { lines: new TokenBucket(allowance, this.#clock), unlisted: 0 };
    this.#apps.set(appId, served);
    this.#timer ??= setInterval(() => this.#report(), reportEveryMs).unref();
    return served;
  }

  #report(): void {
    for (const [appId, served] of this.#apps) {
      if (served.unlisted > 0) this.#reportCount(appId, served.unlisted);
      served.unlisted = 0;
      if (served.lines.isFull) this.#apps.delete(appId);
    }
    if (this.#apps.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
