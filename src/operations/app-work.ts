import { PlatformError } from '../domain/errors.ts';
import type { HoldOptions, Lease, Leases } from '../domain/leases.ts';
import { type Clock, systemClock } from '../system/clock.ts';

interface Work {
  readonly ending: AbortController;
  /** Resolves at its end, however that was. */
  readonly ended: Promise<unknown>;
}

/** How long work that is to end may take to let go. */
const letGoMs = 30_000;

/**
 * What is being done with apps. One change of an app's releases or instances at a time, under the lease `app/<id>`; and
 * all that is under way for an app, or for all of them, can be ended.
 */
export class AppWork {
  readonly #leases: Leases;
  readonly #underWay = new Map<string, Set<Work>>();
  readonly #lastTurns = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #clock: Clock;

  constructor(leases: Leases, clock: Clock = systemClock) {
    this.#leases = leases;
    this.#clock = clock;
  }

  /** Whether the platform stops: what was promised to go on then goes on at the next start. */
  get isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Whether a change of the app is being made, or waits for its turn. */
  isBusy(appId: string): Promise<boolean> {
    return this.#leases.isBusy(`app/${appId}`);
  }

  /** Work whose signal also aborts when the app is destroyed or the platform stops. Others may work on the app meanwhile. */
  async underWay<T>(appId: string, work: (signal: AbortSignal) => Promise<T>, caller?: AbortSignal): Promise<T> {
    const ending = new AbortController();
    const ofApp = this.#underWay.get(appId) ?? new Set();
    this.#underWay.set(appId, ofApp);
    const signal = AbortSignal.any([ending.signal, this.#closing.signal, ...(caller ? [caller] : [])]);
    const working = work(signal);
    const one: Work = { ending, ended: working.catch(() => undefined) };
    ofApp.add(one);
    try {
      return await working;
    } finally {
      ofApp.delete(one);
      if (ofApp.size === 0 && this.#underWay.get(appId) === ofApp) this.#underWay.delete(appId);
    }
  }

  /** The same, alone with the app. Throws `cancelled` at once when it is ended before its turn has come. */
  turn<T>(appId: string, work: (lease: Lease) => Promise<T>, options: HoldOptions): Promise<T> {
    const held = (signal: AbortSignal) => this.#leases.hold(`app/${appId}`, work, { ...options, signal });
    return this.underWay(appId, held, options.signal);
  }

  /**
   * The app's last turn: ends everything that is under way for it. `gone`, to be called when nothing can begin for it any
   * more, does so again, and resolves when all that has let go: a build that is broken off may still make an image.
   */
  async lastTurn<T>(appId: string, work: (gone: () => Promise<void>) => Promise<T>): Promise<T> {
    const end = () => {
      const ofApp = [...(this.#underWay.get(appId) ?? [])];
      for (const { ending } of ofApp) ending.abort(new PlatformError('cancelled', 'The app is being destroyed.'));
      return Promise.all(ofApp.map(({ ended }) => ended));
    };
    void end();
    const gone = async () => {
      const waiting = new AbortController();
      const late = this.#clock.sleep(letGoMs, waiting.signal).catch(() => undefined);
      await Promise.race([end(), late]);
      waiting.abort();
    };
    const turn = this.#leases.hold(`app/${appId}`, () => work(gone), { purpose: 'the end of the app' });
    this.#lastTurns.add(turn);
    try {
      return await turn;
    } finally {
      this.#lastTurns.delete(turn);
    }
  }

  /** Ends everything. Resolves when it has let go. */
  async close(): Promise<void> {
    this.#closing.abort(new PlatformError('cancelled', 'The platform stops.'));
    for (;;) {
      const all = [...this.#underWay.values()].flatMap((ofApp) => [...ofApp]);
      if (all.length === 0) break;
      await Promise.all(all.map(({ ended }) => ended));
    }
    await Promise.allSettled(this.#lastTurns);
  }
}
