import { PlatformError } from '../domain/errors.ts';
import type { HoldOptions, Lease, Leases } from '../domain/leases.ts';
import { type Clock, systemClock } from '../system/clock.ts';

interface Work {
  readonly ending: AbortController;
  /** Resolves when the work has ended, also when it failed. */
  readonly ended: Promise<unknown>;
}

/** The time that aborted work has to stop, in milliseconds. */
const stopWithinMs = 30_000;

/**
 * The work under way for apps, so that it can be ended: for one app when it is destroyed, for all when the platform stops.
 * A change of an app's releases or instances is made under the lease `app/<id>`, one at a time.
 */
export class OngoingWork {
  readonly #leases: Leases;
  readonly #ofApps = new Map<string, Set<Work>>();
  readonly #lastHolds = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #clock: Clock;

  constructor(leases: Leases, clock: Clock = systemClock) {
    this.#leases = leases;
    this.#clock = clock;
  }

  /** Whether the platform stops. Work that was promised goes on at the next start. */
  get isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Whether the lease of the app is held or waited for. */
  isBusy(appId: string): Promise<boolean> {
    return this.#leases.isBusy(`app/${appId}`);
  }

  /** Runs work without the lease. Its signal aborts with `caller`, when the app is destroyed and when the platform stops. */
  async run<T>(appId: string, work: (signal: AbortSignal) => Promise<T>, caller?: AbortSignal): Promise<T> {
    const ending = new AbortController();
    const ofApp = this.#ofApps.get(appId) ?? new Set();
    this.#ofApps.set(appId, ofApp);
    const signal = AbortSignal.any([ending.signal, this.#closing.signal, ...(caller ? [caller] : [])]);
    const running = work(signal);
    const one: Work = { ending, ended: running.catch(() => undefined) };
    ofApp.add(one);
    try {
      return await running;
    } finally {
      ofApp.delete(one);
      if (ofApp.size === 0 && this.#ofApps.get(appId) === ofApp) this.#ofApps.delete(appId);
    }
  }

  /** Runs work under the app's lease. Throws `cancelled` at once when the signal aborts before the lease is free. */
  hold<T>(appId: string, work: (lease: Lease) => Promise<T>, options: HoldOptions): Promise<T> {
    const held = (signal: AbortSignal) => this.#leases.hold(`app/${appId}`, work, { ...options, signal });
    return this.run(appId, held, options.signal);
  }

  /**
   * Ends all work of the app, then runs `last` under the app's lease. `last` calls `allEnded` once no new work can begin:
   * it ends all work again and resolves when that has stopped, or after 30 s. A build that was aborted may still make an image.
   */
  async endAll<T>(appId: string, last: (allEnded: () => Promise<void>) => Promise<T>): Promise<T> {
    const end = () => {
      const ofApp = [...(this.#ofApps.get(appId) ?? [])];
      for (const { ending } of ofApp) ending.abort(new PlatformError('cancelled', 'The app is being destroyed.'));
      return Promise.all(ofApp.map(({ ended }) => ended));
    };
    void end();
    const allEnded = async () => {
      const waiting = new AbortController();
      const late = this.#clock.sleep(stopWithinMs, waiting.signal).catch(() => undefined);
      await Promise.race([end(), late]);
      waiting.abort();
    };
    const lastHold = this.#leases.hold(`app/${appId}`, () => last(allEnded), { purpose: 'the end of the app' });
    this.#lastHolds.add(lastHold);
    try {
      return await lastHold;
    } finally {
      this.#lastHolds.delete(lastHold);
    }
  }

  /** Ends all work. Resolves when it has stopped. */
  async close(): Promise<void> {
    this.#closing.abort(new PlatformError('cancelled', 'The platform stops.'));
    for (;;) {
      const all = [...this.#ofApps.values()].flatMap((ofApp) => [...ofApp]);
      if (all.length === 0) break;
      await Promise.all(all.map(({ ended }) => ended));
    }
    await Promise.allSettled(this.#lastHolds);
  }
}
