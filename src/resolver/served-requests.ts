import type { Clock } from '../system/clock.ts';
import { TokenBucket } from '../system/token-bucket.ts';

/** An app's log is bounded: the lines of a busy app's requests must not push out what its processes and builds said. */
const allowance = { capacity: 100, perSecond: 10 } as const;
const tellEveryMs = 1_000;

interface Served {
  readonly lines: TokenBucket;
  untold: number;
}

/**
 * Which of the requests that went well get a line in their app's log: a hundred at once, then ten a second. The others are
 * counted, and the count is told every second. Remembers only apps that have used some of their allowance.
 */
export class ServedRequests {
  readonly #tellCount: (appId: string, count: number) => void;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #apps = new Map<string, Served>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tellCount: (appId: string, count: number) => void, clock: Pick<Clock, 'monotonicMs'>) {
    this.#tellCount = tellCount;
    this.#clock = clock;
  }

  /** Whether the app's next request gets a line; else it has been counted. */
  admits(appId: string): boolean {
    const served = this.#apps.get(appId) ?? this.#begin(appId);
    if (served.lines.take()) return true;
    served.untold += 1;
    return false;
  }

  #begin(appId: string): Served {
    const served = { lines: new TokenBucket(allowance, this.#clock), untold: 0 };
    this.#apps.set(appId, served);
    this.#timer ??= setInterval(() => this.#tell(), tellEveryMs).unref();
    return served;
  }

  #tell(): void {
    for (const [appId, served] of this.#apps) {
      if (served.untold > 0) this.#tellCount(appId, served.untold);
      served.untold = 0;
      if (served.lines.isFull) this.#apps.delete(appId);
    }
    if (this.#apps.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
