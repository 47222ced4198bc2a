import { PlatformError } from '../domain/errors.ts';
import { Turns } from '../domain/turns.ts';

/**
 * What is being done with apps. One change of an app's releases or instances at a time, in the order of asking; and all
 * that is under way for an app, or for all of them, can be ended.
 */
export class AppWork {
  readonly #turns = new Turns();
  readonly #underWay = new Map<string, Set<AbortController>>();
  readonly #closing = new AbortController();
  readonly #ending = new Set<Promise<unknown>>();

  /** Whether the platform stops: what was promised to go on then goes on at the next start. */
  get isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Whether a change of the app is being made, or waits for its turn. */
  isBusy(appId: string): boolean {
    return this.#turns.isBusy(appId);
  }

  /** Work whose signal also aborts when the app is destroyed or the platform stops. Others may work on the app meanwhile. */
  async underWay<T>(appId: string, work: (signal: AbortSignal) => Promise<T>, caller?: AbortSignal): Promise<T> {
    const ended = new AbortController();
    const ofApp = this.#underWay.get(appId) ?? new Set();
    this.#underWay.set(appId, ofApp.add(ended));
    const signal = AbortSignal.any([ended.signal, this.#closing.signal, ...(caller ? [caller] : [])]);
    const working = work(signal);
    const settled = working.catch(() => undefined);
    this.#ending.add(settled);
    try {
      return await working;
    } finally {
      this.#ending.delete(settled);
      ofApp.delete(ended);
      if (ofApp.size === 0 && this.#underWay.get(appId) === ofApp) this.#underWay.delete(appId);
    }
  }

  /** The same, alone with the app. Throws `cancelled` at once when it is ended before its turn has come. */
  turn<T>(appId: string, work: (signal: AbortSignal) => Promise<T>, caller?: AbortSignal): Promise<T> {
    return this.underWay(appId, (signal) => this.#turns.run(appId, () => work(signal), signal), caller);
  }

  /** The app's last turn: ends everything that is under way for it and works when that has let go. */
  lastTurn<T>(appId: string, work: () => Promise<T>): Promise<T> {
    for (const one of this.#underWay.get(appId) ?? [])
      one.abort(new PlatformError('cancelled', 'The app is being destroyed.'));
    return this.#turns.run(appId, work);
  }

  /** Ends everything. Resolves when it has let go. */
  async close(): Promise<void> {
    this.#closing.abort(new PlatformError('cancelled', 'The platform stops.'));
    while (this.#ending.size > 0) await Promise.all(this.#ending);
    await this.#turns.idle();
  }
}
