import { type Clock, systemClock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import type { ResolverClient } from './resolver-client.ts';
import type { RouteHistory } from './route-history.ts';

export interface ResolverLinkDeps {
  readonly client: ResolverClient;
  readonly history: RouteHistory;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Called when one of the getters may answer something else. */
  readonly changed: () => void;
}

const retryMs = 200;

/**
 * Keeps one resolver at the version of the log: the whole table each time it connects, or when it has another version than
 * it should, and only what changed otherwise. Never are two on the way; what changes meanwhile goes together.
 */
export class ResolverLink {
  readonly client: ResolverClient;
  readonly #deps: Required<ResolverLinkDeps>;
  /** What the resolver has of ours; null when it may have something else. */
  #version: number | null = null;
  /** What it said that it has. */
  #found = 0;
  #isConnected = false;
  #isFailing = false;
  /** Which connection this is: what was sent over an earlier one says nothing of the version now. */
  #connection = 0;
  #wake = Promise.withResolvers<void>();

  constructor(deps: ResolverLinkDeps) {
    this.client = deps.client;
    this.#deps = { clock: systemClock, ...deps };
  }

  get isReachable(): boolean {
    return this.#isConnected && !this.#isFailing;
  }

  has(version: number): boolean {
    return this.#version !== null && this.#version >= version;
  }

  /** There is a newer version. */
  wake(): void {
    this.#wake.resolve();
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.wake(), { once: true });
    await Promise.all([this.#watch(signal), this.#sendForever(signal)]);
  }

  /** Each time the resolver comes (back), it may have older routes than ours, or none. */
  async #watch(signal: AbortSignal): Promise<void> {
    for await (const event of this.client.presence(signal)) {
      this.#isConnected = event.type === 'connected';
      if (event.type === 'connected') this.#found = event.version;
      this.#connection += 1;
      this.#version = null;
      this.#deps.changed();
      this.wake();
    }
  }

  async #sendForever(signal: AbortSignal): Promise<void> {
    const { history, logger, clock, changed } = this.#deps;
    while (!signal.aborted) {
      const isBehind = history.version !== null && this.#version !== history.version;
      if (!isBehind || !this.#isConnected) {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
        continue;
      }
      try {
        await this.#send(signal);
        this.#isFailing = false;
      } catch (error) {
        if (signal.aborted) return;
        this.#version = null;
        if (!this.#isFailing && this.#isConnected) {
          logger.warn('a resolver did not take its routes; trying again', { resolver: this.client.name, error });
        }
        this.#isFailing = true;
        await clock.sleep(retryMs, signal).catch(() => undefined);
      }
      changed();
    }
  }

  async #send(signal: AbortSignal): Promise<void> {
    const { history } = this.#deps;
    const { client } = this;
    const connection = this.#connection;
    const change = this.#version === null ? null : history.since(this.#version);
    if (!change) history.exceed(this.#found);
    const { version } = change ?? history;
    const answer = change ? await client.change(change, signal) : await client.publish(history.table(), signal);
    if (connection !== this.#connection) return;
    // It has it also when this was the second time that it was told, because the first answer was lost.
    const isTaken = answer.taken || (change !== null && answer.version === version);
    this.#version = isTaken ? version : null;
    this.#found = answer.version;
  }
}
