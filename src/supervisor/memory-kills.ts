import type { Clock } from '../system/clock.ts';

/** A process that is killed for its memory mostly takes its instance with it by then, which is told by the crash. */
export const fatalWithinMs = 500;
/** One in so long is told. */
const latelyMs = 60_000;

/** When the engine last said that a process of an instance was killed for its memory. */
export class MemoryKills {
  readonly #clock: Clock;
  #lastAtMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes one. False: it is not worth telling, as one was lately. */
  ranOut(): boolean {
    const isNews = this.lately() !== true;
    this.#lastAtMs = this.#clock.monotonicMs();
    return isNews;
  }

  /** Null when it was never heard of: then only the engine can know, which forgets no old one. */
  lately(): boolean | null {
    return this.#lastAtMs === null ? null : this.#clock.monotonicMs() - this.#lastAtMs < latelyMs;
  }
}
