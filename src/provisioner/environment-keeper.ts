import { labelNames } from '../domain/engine.ts';
import type { Clock } from '../system/clock.ts';
import { HostRounds } from '../system/host-rounds.ts';
import type { Logger } from '../system/logger.ts';
import { type EnvironmentDeps, ensureNetwork, labelsOf, removeFrom } from './environment.ts';

/** A network that somebody removed is back this soon (contracts: hardening test 25). */
const lookEveryMs = 10_000;

export interface EnvironmentKeeperDeps {
  readonly environment: EnvironmentDeps;
  /** Removes what an app has outside the store and the engines. May be called again. */
  readonly forget: (appId: string) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Sees to it that every app has its network on every host and that nothing else has one: puts back what was lost, and
 * finishes what a crash left of an app that was being created or destroyed.
 */
export class EnvironmentKeeper {
  readonly #options: EnvironmentKeeperDeps;
  readonly #rounds: HostRounds;

  constructor(options: EnvironmentKeeperDeps) {
    this.#options = options;
    const { clock, logger, environment } = options;
    const work = (hostId: string) => this.#look(hostId);
    const what = 'compare networks with apps';
    this.#rounds = new HostRounds({
      engines: environment.engines,
      what,
      everyMs: lookEveryMs,
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

  async #look(hostId: string): Promise<void> {
    const { environment, logger } = this.#options;
    const { engines, store, platformId } = environment;
    // In this order: an app is there before its network.
    const networks = await engines.on(hostId).networks.list({ [labelNames.platform]: platformId });
    const apps = await store.apps.list();
    const there = new Set(networks.map(({ id }) => id));
    const own = (await store.appNetworks.list({ hostId })).filter(({ networkId }) => there.has(networkId));
    const whole = new Set(own.map(({ appId }) => appId));
    for (const app of apps) {
      if (whole.has(app.id)) continue;
      await this.#attempt(`make the network of ${app.name}`, () => ensureNetwork(app, hostId, environment));
      logger.info('an app had no network', { appId: app.id, hostId });
    }
    const known = new Set(apps.map(({ id }) => id));
    const strange = new Set(networks.map(({ labels }) => labels[labelNames.app] ?? '').filter(Boolean));
    for (const appId of strange) if (!known.has(appId)) await this.#finishDestroying(appId, hostId);
  }

  #finishDestroying(appId: string, hostId: string): Promise<void> {
    const { environment, forget, logger } = this.#options;
    return this.#attempt('remove what is left of a destroyed app', async () => {
      await forget(appId);
      await removeFrom(environment.engines.on(hostId), labelsOf(appId, environment), 'caches');
      logger.info('removed what was left of a destroyed app', { appId, hostId });
    });
  }

  /** One app's trouble is not the others'. */
  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.logger.warn(`could not ${what}; trying on`, { error });
    }
  }
}
