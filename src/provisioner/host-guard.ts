import { type Engine, labelNames } from '../domain/engine.ts';
import { applyHostFirewall } from '../engine/host-firewall.ts';

/** Firewalls are reloaded by others (ufw, an update of the engine); a rule that was only set at boot is gone then. */
const applyEveryMs = 10_000;

/** Keeps the host's ports closed to containers: rules are put in place at start and put back whenever they are lost. */
export class HostGuard {
  readonly #engine: Engine;
  readonly #platformId: string;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();
  #reason: string | null = 'The rules are not in place yet.';

  constructor({ engine, platformId }: { readonly engine: Engine; readonly platformId: string }) {
    this.#engine = engine;
    this.#platformId = platformId;
  }

  /** Why containers may reach the host's ports, as a sentence for `doctor`; null while they cannot. */
  get reason(): string | null {
    return this.#reason;
  }

  /** Resolves after the first attempt. */
  async start(): Promise<void> {
    await this.#apply();
    this.#timer = setInterval(() => {
      this.#working = this.#apply();
    }, applyEveryMs);
  }

  /** The rules stay: the apps run on. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#working;
  }

  async #apply(): Promise<void> {
    try {
      const networks = await this.#engine.networks.list({ [labelNames.platform]: this.#platformId });
      const bridges = networks.flatMap(({ bridge }) => (bridge ? [bridge] : []));
      const state = await applyHostFirewall({ platformId: this.#platformId, bridges });
      this.#reason = state.applied ? null : state.reason;
    } catch (error) {
      this.#reason = `The engine's networks cannot be listed: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}
