import type { Clock } from '../system/clock.ts';

export interface FloodLimits {
  readonly linesPerSecond: number;
  readonly bytesPerSecond: number;
  /** How many seconds' worth may come at once. */
  readonly burstSeconds: number;
}

export const defaultFloodLimits: FloodLimits = {
  linesPerSecond: 5_000,
  bytesPerSecond: 1024 * 1024,
  burstSeconds: 8,
};

/** A token bucket of lines and one of bytes, for one process: lets a burst through and holds back a flood, counting. */
export class FloodGate {
  readonly #limits: FloodLimits;
  readonly #clock: Clock;
  #lines: number;
  #bytes: number;
  #filledAtMs: number;
  #dropped = 0;

  constructor(limits: FloodLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#lines = limits.linesPerSecond * limits.burstSeconds;
    this.#bytes = limits.bytesPerSecond * limits.burstSeconds;
    this.#filledAtMs = clock.monotonicMs();
  }

  /** False when the line is to be dropped. */
  admits(lineBytes: number): boolean {
    this.#fill();
    if (this.#lines < 1 || this.#bytes < lineBytes) {
      this.#dropped += 1;
      return false;
    }
    this.#lines -= 1;
    this.#bytes -= lineBytes;
    return true;
  }

  /** How many lines were dropped since this was asked last. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** True when the process was quiet long enough that a new gate would be no other. */
  get isIdle(): boolean {
    this.#fill();
    const { linesPerSecond, burstSeconds } = this.#limits;
    return this.#dropped === 0 && this.#lines >= linesPerSecond * burstSeconds;
  }

  #fill(): void {
    const nowMs = this.#clock.monotonicMs();
    const seconds = (nowMs - this.#filledAtMs) / 1000;
    this.#filledAtMs = nowMs;
    const { linesPerSecond, bytesPerSecond, burstSeconds } = this.#limits;
    this.#lines = Math.min(linesPerSecond * burstSeconds, this.#lines + seconds * linesPerSecond);
    this.#bytes = Math.min(bytesPerSecond * burstSeconds, this.#bytes + seconds * bytesPerSecond);
  }
}
