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
  /** Called when `have` may answer something else. */
  readonly changed: () => void;
}

/** All resolvers, each with its own way to the newest routes: one that is down or slow holds up none of the others. */
export class ResolverSet {
  readonly #links: readonly ResolverLink[];
  readonly #logger: Logger;

  constructor({ clients, history, logger, changed }: ResolverSetDeps) {
    this.#links = clients.map((client) => new ResolverLink({ client, history, logger, changed }));
    this.#logger = logger;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#links.map((link) => link.run(signal)));
  }

  /** There is a newer version. */
  wake(): void {
    for (const link of this.#links) link.wake();
  }

  /** Whether all that can be reached route by this version or a newer one. False while none can be. */
  have(version: number): boolean {
    const reachable = this.#links.filter(({ isReachable }) => isReachable);
    return reachable.length > 0 && reachable.every((link) => link.has(version));
  }

  /** ResolverClient.drain of all, with their sum. One that cannot be reached, or is not any more, has nothing in flight. */
  async drain(instanceIds: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<DrainLeft> {
    const reachable = this.#links.filter(({ isReachable }) => isReachable);
    const left = await Promise.all(
      reachable.map(({ client }) => this.#drainOne(client, instanceIds, timeoutMs, signal)),
    );
    return {
      requests: left.reduce((sum, { requests }) => sum + requests, 0),
      tunnels: left.reduce((sum, { tunnels }) => sum + tunnels, 0),
    };
  }

  async #drainOne(
    client: ResolverClient,
    ...[instanceIds, timeoutMs, signal]: Parameters<ResolverSet['drain']>
  ): Promise<DrainLeft> {
    try {
      return await client.drain(instanceIds, timeoutMs, signal);
    } catch (error) {
      if (errorCode(error) !== 'unavailable') throw error;
      this.#logger.warn('a resolver did not answer; nothing can be in flight through it', { resolver: client.name });
      return { requests: 0, tunnels: 0 };
    }
  }
}
