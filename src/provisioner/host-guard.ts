import type { Settings } from '../config/settings.ts';
import { type Engine, labelNames } from '../domain/engine.ts';
import { applyHostFirewall } from '../engine/host-firewall.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import { Recurring } from '../system/recurring.ts';

/** Firewalls are reloaded by others (ufw, an update of the engine); a rule that was only set at boot is gone then. */
const applyEveryMs = 10_000;

export interface HostGuardOptions {
  readonly engine: Engine;
  readonly platformId: string;
  readonly settings: Pick<Settings, 'closeMetadata'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps the host's ports closed to containers: rules are put in place at start and put back whenever they are lost. */
export class HostGuard {
  readonly #options: HostGuardOptions;
  readonly #rounds: Recurring;
  #reason: string | null = 'The rules are not in place yet.';

  constructor(options: HostGuardOptions) {
    this.#options = options;
    const { clock, logger } = options;
    const work = () => this.#apply();
    this.#rounds = new Recurring({ what: "close the host's ports", everyMs: applyEveryMs, work, clock, logger });
  }

  /** Why containers may reach the host's ports, as a sentence for `doctor`; null while they cannot. */
  get reason(): string | null {
    return this.#reason;
  }

  /** Resolves after the first attempt. */
  start(): Promise<void> {
    return this.#rounds.start();
  }

  /** The rules stay: the apps run on. */
  close(): Promise<void> {
    return this.#rounds.close();
  }

  async #apply(): Promise<void> {
    const { engine, platformId, settings } = this.#options;
    try {
      const networks = await engine.networks.list({ [labelNames.platform]: platformId });
      const bridges = networks.flatMap(({ bridge }) => (bridge ? [bridge] : []));
      const buildBridge = settings.closeMetadata ? await ownBridge(engine) : null;
      const state = await applyHostFirewall({ platformId, bridges, buildBridge });
      this.#reason = state.applied ? null : state.reason;
    } catch (error) {
      this.#reason = `The engine's networks cannot be listed: ${error instanceof Error ? error.message : String(error)}`;
      throw error;
    }
  }
}

/** Steps of Dockerfiles have no other network. Null where the engine was told to have none. */
async function ownBridge(engine: Engine): Promise<string | null> {
  return (await engine.networks.inspect('bridge'))?.bridge ?? null;
}
