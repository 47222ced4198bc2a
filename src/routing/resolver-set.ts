import { errorCode } from '../domain/errors.ts';
import type { DrainLeft } from '../domain/resolver-protocol.ts';
import type { Logger } from '../system/logger.ts';
import type { ResolverClient } from './resolver-client.ts';
import { ResolverLink } from './resolver-link.ts';
import type { RouteHistory } from './route-history.ts';

export interface ResolverSetDeps {
  readonly clients: readonly ResolverClient[];
  readonly history: RouteHistory;
  readonly logger: Logger;
  /** Called when the result of `have` may have changed. */
  readonly changed: () => void;
}

/** All resolvers, each kept at the newest routes separately: one that is down or slow delays none of the others. */
export class ResolverSet {
  readonly #links: readonly ResolverLink[];
  readonly #logger: Logger;

  constructor({ clients, history, logger, changed }: ResolverSetDeps) {
    this.#links = clients.map((client) => new ResolverLink({ client, history, logger, changed }));
    this.#logger = logger;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#links.map((link) => link.run(signal)));
  }

  /** To be called when there is a newer version. */
  wake(): void {
    for (const link of this.#links) link.wake();
  }

  /** Whether every reachable resolver has this version or a newer one. False while none is reachable. */
  have(version: number): boolean {
    const reachable = this.#links.filter(({ isReachable }) => isReachable);
    return reachable.length > 0 && reachable.every((link) => link.has(version));
  }

  /**
   * Drains through every resolver (ResolverClient.drain) and returns the sum of what is left. An unreachable resolver
   * has nothing in flight.
   */
  async drain(instanceIds: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<DrainLeft> {
    const reachable = this.#links.filter(({ isReachable }) => isReachable);
    const left = await Promise.all(
      reachable.map(({ client }) => this.#leftOf(client, client.drain(instanceIds, timeoutMs, signal))),
    );
    return {
      requests: left.reduce((sum, { requests }) => sum + requests, 0),
      tunnels: left.reduce((sum, { tunnels }) => sum + tunnels, 0),
    };
  }

  async #leftOf({ name }: ResolverClient, draining: Promise<DrainLeft>): Promise<DrainLeft> {
    try {
      return await draining;
    } catch (error) {
      if (errorCode(error) !== 'unavailable') throw error;
      this.#logger.warn('a resolver did not answer; nothing can be in flight through it', { resolver: name });
      return { requests: 0, tunnels: 0 };
    }
  }
}
