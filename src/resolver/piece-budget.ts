/**
 * The pieces that this process takes in a second from connections that send many small ones. A piece costs about 1 µs,
 * so this is a few hundredths of a processor, over all of them.
 */
const perSecond = 25_000;
const burst = 5_000;
/** So that many new connections make none wait for minutes. */
const longestDebt = 2 * perSecond;

/** So many at once are nothing unusual. */
const freePieces = 128;

type GoOn = () => void;

/**
 * A bulkhead for the event loop: connections that send a chunk for each byte share a budget. One that has used more
 * waits, and they go on one after the other. All others are as fast as ever.
 */
class PieceBudget {
  #left = burst;
  #filledAtMs = 0;
  readonly #waiting: GoOn[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** The pieces have been read. False when their source has to `wait` before it reads on. */
  spend(pieces: number): boolean {
    if (pieces <= freePieces) return true;
    this.#fill();
    this.#left = Math.max(-longestDebt, this.#left - pieces);
    return this.#left > 0 && this.#waiting.length === 0;
  }

  /** Calls back once, after those that wait already. */
  wait(goOn: GoOn): void {
    this.#waiting.push(goOn);
    this.#wake();
  }

  readonly #next = (): void => {
    this.#timer = null;
    this.#fill();
    if (this.#left > 0) this.#waiting.shift()?.();
    if (this.#waiting.length > 0) this.#wake();
  };

  /** One goes on at a time, because it is not known how much it will use. */
  #wake(): void {
    const waitMs = this.#left > 0 ? 1 : Math.ceil((-this.#left / perSecond) * 1000) + 1;
    this.#timer ??= setTimeout(this.#next, waitMs);
  }

  #fill(): void {
    const nowMs = performance.now();
    this.#left = Math.min(burst, this.#left + ((nowMs - this.#filledAtMs) / 1000) * perSecond);
    this.#filledAtMs = nowMs;
  }
}

/** One for the process, because it has one event loop. */
export const pieceBudget = new PieceBudget();
