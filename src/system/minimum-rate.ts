export interface RateFloor {
  /** Each byte is worth `1000 / bytesPerSecond` ms of waiting. */
  readonly bytesPerSecond: number;
  /** How long a peer may keep others waiting before its first byte. */
  readonly graceMs: number;
  /** The longest wait that bytes of the past pay for. */
  readonly longestMs: number;
}

/**
 * Whether a peer sends or takes bytes at a minimum rate. Time in which it is waited for is used up, and each byte that it
 * moves gives some back; so a short stall on a slow line is allowed, and one byte now and then is not.
 */
export class MinimumRate {
  readonly #floor: RateFloor;
  #leftMs: number;
  #atMs: number;
  #bytes: number;

  /** `bytes`: what the peer has moved before now, in the count that `isMet` gets. */
  constructor(floor: RateFloor, nowMs: number, bytes: number) {
    this.#floor = floor;
    this.#leftMs = floor.graceMs;
    this.#atMs = nowMs;
    this.#bytes = bytes;
  }

  /**
   * To be called about once a second. `bytes`: what the peer has moved so far. `isAwaited`: whether it is the peer, and not
   * this side, that is waited for.
   */
  isMet({ nowMs, bytes, isAwaited }: { nowMs: number; bytes: number; isAwaited: boolean }): boolean {
    const { bytesPerSecond, graceMs, longestMs } = this.#floor;
    const paidMs = ((bytes - this.#bytes) / bytesPerSecond) * 1000;
    const usedMs = isAwaited ? nowMs - this.#atMs : 0;
    this.#leftMs = Math.min(longestMs, this.#leftMs + paidMs - usedMs);
    if (!isAwaited) this.#leftMs = Math.max(this.#leftMs, graceMs);
    this.#atMs = nowMs;
    this.#bytes = bytes;
    return this.#leftMs > 0;
  }
}
