import type { Engines } from '../domain/engines.ts';
import type { Clock } from './clock.ts';
import { PerHost } from './per-host.ts';
import { Recurring, type RecurringDeps } from './recurring.ts';

/** `start` waits at most this long for the first round of a host, which may hang. */
const firstRoundMs = 5000;

export interface HostRoundsDeps extends Omit<RecurringDeps, 'work'> {
  readonly engines: Engines;
  readonly work: (hostId: string, signal: AbortSignal) => Promise<void>;
}

/** Repeats work on every known host, as `Recurring` does for one. No host waits for another. */
export class HostRounds {
  readonly #clock: Clock;
  readonly #rounds: PerHost<Recurring>;
  /** The first rounds that `start` waits for. Null outside of `start`. */
  #firsts: Promise<void>[] | null = null;
  #startsLater = false;

  constructor({ engines, work, ...deps }: HostRoundsDeps) {
    this.#clock = deps.clock;
    this.#rounds = new PerHost(engines, (hostId) => {
      const rounds = new Recurring({ ...deps, work: (signal) => work(hostId, signal) });
      if (this.#startsLater) {
        rounds.startLater();
      } else {
        const first = rounds.start();
        this.#firsts?.push(first);
      }
      return rounds;
    });
  }

  /** Resolves after the first round on every host, successful or not, or after five seconds. */
  async start(): Promise<void> {
    const firsts: Promise<void>[] = [];
    this.#firsts = firsts;
    this.#rounds.start();
    this.#firsts = null;
    const waiting = new AbortController();
    const late = this.#clock.sleep(firstRoundMs, waiting.signal).catch(() => undefined);
    await Promise.race([Promise.all(firsts), late]);
    waiting.abort();
  }

  /** The first round on a host comes after the first pause. */
  startLater(): void {
    this.#startsLater = true;
    this.#rounds.start();
  }

  /** Begins the next round on every host without its pause. */
  soon(): void {
    for (const rounds of this.#rounds.all()) rounds.soon();
  }

  close(): Promise<void> {
    return this.#rounds.close();
  }
}
