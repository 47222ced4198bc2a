import type { Clock } from '../system/clock.ts';
import { TokenBucket } from '../system/token-bucket.ts';

export interface FloodLimits {
  readonly linesPerSecond: number;
  readonly bytesPerSecond: number;
  /** How many seconds' worth of lines may come at once. */
  readonly burstSeconds: number;
}

export const defaultFloodLimits: FloodLimits = {
  linesPerSecond: 5_000,
  bytesPerSecond: 1024 * 1024,
  burstSeconds: 8,
};

/**
 * Two token buckets for one process, one of lines and one of bytes. A burst passes; the lines of a flood are dropped
 * and counted.
 */
export class FloodGate {
  readonly #lines: TokenBucket;
  readonly #bytes: TokenBucket;
  #dropped = 0;

  constructor({ linesPerSecond, bytesPerSecond, burstSeconds }: FloodLimits, clock: Clock) {
    this.#lines = new TokenBucket({ capacity: linesPerSecond * burstSeconds, perSecond: linesPerSecond }, clock);
    this.#bytes = new TokenBucket({ capacity: bytesPerSecond * burstSeconds, perSecond: bytesPerSecond }, clock);
  }

  /** False when the line is to be dropped. */
  admits(lineBytes: number): boolean {
    if (this.#lines.level >= 1 && this.#bytes.take(lineBytes)) return this.#lines.take();
    this.#dropped += 1;
    return false;
  }

  /** The number of lines dropped since the last call. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** True when the gate is in the state of a new one, so that it may be removed. */
  get isIdle(): boolean {
    return this.#dropped === 0 && this.#lines.isFull;
  }
}
