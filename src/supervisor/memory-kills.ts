import type { Clock } from '../system/clock.ts';

/** An instance that dies with the killed process mostly does so within this time, and its crash is the report. */
export const fatalWithinMs = 500;
/** Reported at most once per minute. */
const recentlyMs = 60_000;

/** Remembers when a process of an instance was last killed for its memory. */
export class MemoryKills {
  readonly #clock: Clock;
  #lastAtMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes a kill. False when it is not to be reported, because there was one within a minute. */
  ranOut(): boolean {
    const isFirst = this.recently() !== true;
    this.#lastAtMs = this.#clock.monotonicMs();
    return isFirst;
  }

  /** Whether there was one within the last minute. Null when none was noted: then only the engine knows. */
  recently(): boolean | null {
    return this.#lastAtMs === null ? null : this.#clock.monotonicMs() - this.#lastAtMs < recentlyMs;
  }
}
