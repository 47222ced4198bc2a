import type { Settings } from '../config/settings.ts';
import type { AllowedNetwork } from '../domain/allowed-network.ts';
import type { Engines } from '../domain/engines.ts';
import type { HandsOn, NetworkException } from '../domain/host-hands.ts';
import { labelNames } from '../domain/labels.ts';
import type { NetworkState } from '../domain/networks.ts';
import type { Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';
import { HostRounds } from '../system/host-rounds.ts';
import type { Logger } from '../system/logger.ts';

/** Other programs reload the firewall (ufw, an update of the engine), and rules that were set once are lost then. */
const applyEveryMs = 10_000;

export interface HostGuardDeps {
  readonly engines: Engines;
  readonly handsOn: HandsOn;
  readonly platformId: string;
  readonly store: Pick<Store, 'allowedNetworks' | 'changes'>;
  readonly settings: Pick<Settings, 'closeMetadata' | 'connectionLimits' | 'deniedNetworks'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps every host's ports closed to containers: applies the firewall's rules at the start and again when they are lost. */
export class HostGuard {
  readonly #deps: HostGuardDeps;
  readonly #rounds: HostRounds;
  readonly #reasons = new Map<string, string | null>();
  #unsubscribe: () => void = () => undefined;

  constructor(deps: HostGuardDeps) {
    this.#deps = deps;
    const { engines, clock, logger } = deps;
    const work = (hostId: string) => this.#apply(hostId);
    this.#rounds = new HostRounds({
      engines,
      what: "close a host's ports",
      everyMs: applyEveryMs,
      work,
      clock,
      logger,
    });
  }

  /** Why containers may reach the host's ports, as a sentence for `doctor`; null while they cannot. */
  reason(hostId: string): string | null {
    const reason = this.#reasons.get(hostId);
    return reason === undefined ? 'The rules are not in place yet.' : reason;
  }

  /** Resolves after the first attempt on every host that answers. */
  start(): Promise<void> {
    // A change that is missed is applied with the next round.
    this.#unsubscribe = this.#deps.store.changes.subscribe(
      ({ table }) => {
        if (table === 'allowedNetworks') this.#rounds.soon();
      },
      () => undefined,
    );
    return this.#rounds.start();
  }

  /** The rules stay, because the apps run on. */
  close(): Promise<void> {
    this.#unsubscribe();
    return this.#rounds.close();
  }

  async #limitQueries(hostId: string): Promise<string | null> {
    const { engines, handsOn, platformId, settings } = this.#deps;
    const containers = await engines.on(hostId).containers.folders({ [labelNames.platform]: platformId });
    const ids = containers.filter(({ runs }) => runs).map(({ id }) => id);
    return handsOn(hostId).limitQueries(ids, settings.connectionLimits.queriesPerSecond);
  }

  async #apply(hostId: string): Promise<void> {
    const { engines, handsOn, platformId, settings, store } = this.#deps;
    try {
      const networks = await engines.on(hostId).networks.list({ [labelNames.platform]: platformId });
      const { closeMetadata, connectionLimits: limits, deniedNetworks: denied } = settings;
      const exceptions = denied.length === 0 ? [] : exceptionsOf(networks, await store.allowedNetworks.list());
      const rules = { platformId, hasNetworks: networks.length > 0, closeMetadata, limits, denied, exceptions };
      const state = await handsOn(hostId).applyFirewall(rules);
      // Not in the first round, which the start of the platform waits for: it takes 15 ms for each container.
      const queries = this.#reasons.has(hostId) ? await this.#limitQueries(hostId) : null;
      const gaps = [...(state.applied ? state.gaps : [state.reason]), ...(queries === null ? [] : [queries])];
      this.#reasons.set(hostId, gaps.join(' ') || null);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#reasons.set(hostId, `The engine's networks cannot be listed: ${message}`);
      throw error;
    }
  }
}

/** Networks of builds belong to no app and have no exception. */
function exceptionsOf(
  networks: readonly NetworkState[],
  allowed: readonly AllowedNetwork[],
): readonly NetworkException[] {
  return allowed.flatMap(({ appId, network }) =>
    networks
      .filter(({ labels }) => labels[labelNames.app] === appId)
      .flatMap(({ subnet }) => (subnet === null ? [] : [{ subnet, network }])),
  );
}
