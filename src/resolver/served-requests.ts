/** An app's log is bounded: the lines of a busy app's requests must not push out what its processes and builds said. */
const burst = 100;
const perSecond = 10;
const refillEveryMs = 1_000;

interface Allowance {
  left: number;
  untold: number;
}

/**
 * Which of the requests that went well get a line in their app's log: a hundred at once, then ten a second. The others are
 * counted, and the count is told every second. Remembers only apps that have used some of their allowance.
 */
export class ServedRequests {
  readonly #tellCount: (appId: string, count: number) => void;
  readonly #allowances = new Map<string, Allowance>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tellCount: (appId: string, count: number) => void) {
    this.#tellCount = tellCount;
  }

  /** Whether the app's next request gets a line; else it has been counted. */
  admits(appId: string): boolean {
    const allowance = this.#allowances.get(appId) ?? this.#begin(appId);
    if (allowance.left === 0) {
      allowance.untold += 1;
      return false;
    }
    allowance.left -= 1;
    return true;
  }

  #begin(appId: string): Allowance {
    const allowance = { left: burst, untold: 0 };
    this.#allowances.set(appId, allowance);
    this.#timer ??= setInterval(() => this.#refill(), refillEveryMs).unref();
    return allowance;
  }

  #refill(): void {
    for (const [appId, allowance] of this.#allowances) {
      if (allowance.untold > 0) this.#tellCount(appId, allowance.untold);
      allowance.untold = 0;
      allowance.left += perSecond;
      if (allowance.left >= burst) this.#allowances.delete(appId);
    }
    if (this.#allowances.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
