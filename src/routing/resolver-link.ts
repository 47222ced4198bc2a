import { type Clock, systemClock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import type { ResolverClient } from './resolver-client.ts';
import type { RouteHistory } from './route-history.ts';

export interface ResolverLinkDeps {
  readonly client: ResolverClient;
  readonly history: RouteHistory;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Called when the result of `isReachable` or `has` may have changed. */
  readonly changed: () => void;
}

const retryMs = 200;

/**
 * Keeps one resolver at the newest version of the routes. It is sent the whole table when it connects or has an
 * unexpected version, and only what changed otherwise. One message is under way at a time; what changes meanwhile is
 * sent together.
 */
export class ResolverLink {
  readonly client: ResolverClient;
  readonly #deps: Required<ResolverLinkDeps>;
  /** The version of our routes that the resolver has. Null when it may have another. */
  #version: number | null = null;
  /** The version that the resolver reported last. */
  #reported = 0;
  #isConnected = false;
  #isFailing = false;
  /** The number of the connection. The answer to what was sent over an earlier one does not tell the version now. */
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

  /** To be called when there is a newer version. */
  wake(): void {
    this.#wake.resolve();
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.wake(), { once: true });
    await Promise.all([this.#watch(signal), this.#sendForever(signal)]);
  }

  /** Each time the resolver connects it may have older routes than ours, or none. */
  async #watch(signal: AbortSignal): Promise<void> {
    for await (const event of this.client.presence(signal)) {
      this.#isConnected = event.type === 'connected';
      if (event.type === 'connected') this.#reported = event.version;
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
    if (!change) history.exceed(this.#reported);
    const { version } = change ?? history;
    const answer = change ? await client.change(change, signal) : await client.publish(history.table(), signal);
    if (connection !== this.#connection) return;
    // A repeated change is refused although the resolver has it: the answer to the first attempt was lost.
    const isTaken = answer.taken || (change !== null && answer.version === version);
    this.#version = isTaken ? version : null;
    this.#reported = answer.version;
  }
}
