import { labelNames } from '../domain/labels.ts';
import type { Clock } from '../system/clock.ts';
import { HostRounds } from '../system/host-rounds.ts';
import type { Logger } from '../system/logger.ts';
import { type EnvironmentDeps, ensureNetwork, labelsOf, removeFrom } from './environment.ts';

/** A removed network is back within this time (contracts: hardening test 25). */
const compareEveryMs = 10_000;

export interface EnvironmentKeeperDeps {
  readonly environment: EnvironmentDeps;
  /** Removes what an app has outside the store and the engines. May be called again. */
  readonly forget: (appId: string) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps the network of every app on every host, and no other network: makes lost ones again, and finishes the creation or
 * destruction of an app that a crash interrupted.
 */
export class EnvironmentKeeper {
  readonly #deps: EnvironmentKeeperDeps;
  readonly #rounds: HostRounds;

  constructor(deps: EnvironmentKeeperDeps) {
    this.#deps = deps;
    const { clock, logger, environment } = deps;
    const work = (hostId: string) => this.#compare(hostId);
    const what = 'compare networks with apps';
    this.#rounds = new HostRounds({
      engines: environment.engines,
      what,
      everyMs: compareEveryMs,
      work,
      clock,
      logger,
    });
  }

  /** Resolves after the first round on every host that answers. */
  start(): Promise<void> {
    return this.#rounds.start();
  }

  close(): Promise<void> {
    return this.#rounds.close();
  }

  async #compare(hostId: string): Promise<void> {
    const { environment, logger } = this.#deps;
    const { engines, store, platformId } = environment;
    // In this order, because an app exists before its network.
    const networks = await engines.on(hostId).networks.list({ [labelNames.platform]: platformId });
    const apps = await store.apps.list();
    const existing = new Set(networks.map(({ id }) => id));
    const own = (await store.appNetworks.list({ hostId })).filter(({ networkId }) => existing.has(networkId));
    const connected = new Set(own.map(({ appId }) => appId));
    for (const app of apps) {
      if (connected.has(app.id)) continue;
      await this.#attempt(`make the network of ${app.name}`, () => ensureNetwork(app, hostId, environment));
      logger.info('an app had no network', { appId: app.id, hostId });
    }
    const known = new Set(apps.map(({ id }) => id));
    const labelled = new Set(networks.map(({ labels }) => labels[labelNames.app] ?? '').filter(Boolean));
    for (const appId of labelled) if (!known.has(appId)) await this.#finishDestroying(appId, hostId);
  }

  #finishDestroying(appId: string, hostId: string): Promise<void> {
    const { environment, forget, logger } = this.#deps;
    return this.#attempt('remove what is left of a destroyed app', async () => {
      await forget(appId);
      await removeFrom(environment.engines.on(hostId), labelsOf(appId, environment), 'caches');
      logger.info('removed what was left of a destroyed app', { appId, hostId });
    });
  }

  /** The failure of one app does not stop the others. */
  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#deps.logger.warn(`could not ${what}; trying again`, { error });
    }
  }
}
