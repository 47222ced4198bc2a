import { existsSync } from 'node:fs';
import type { BridgeOnHost, EngineOnHost, StepRules, StepSeparation } from '../domain/host-hands.ts';
import { isRoot } from '../system/privileges.ts';
import { iptablesError } from './iptables.ts';
import { seesEngineProcesses } from './process-numbers.ts';
import { StepPorts, type StepPortsDeps, stepGroups } from './step-ports.ts';
import { applyStepRules } from './step-rules.ts';

/** Other programs reload the firewall, and rules that were set once are lost then. */
const applyEveryMs = 10_000;
/** How often it is looked whether the last step has ended. */
const endEveryMs = 100;

export interface SeparationDeps extends Pick<StepPortsDeps, 'containerProcesses'> {
  readonly engine: () => Promise<EngineOnHost>;
  readonly nameServers: () => Promise<readonly string[]>;
}

/**
 * Keeps the steps of Dockerfiles apart from each other, from the host and from containers while anybody holds it. Its rules
 * stay: they are about nothing else.
 */
export class StepSeparator {
  readonly #deps: SeparationDeps;
  #holders = 0;
  #working: Promise<void> | null = null;

  constructor(deps: SeparationDeps) {
    this.#deps = deps;
  }

  /** Never throws: returns the reason for a failure. */
  async hold(rules: StepRules): Promise<StepSeparation> {
    this.#holders += 1;
    this.#working ??= this.#start(rules);
    try {
      await this.#working;
    } catch (error) {
      this.#holders -= 1;
      this.#working = null;
      return { applied: false, reason: iptablesError(error), [Symbol.dispose]: () => undefined };
    }
    let isHeld = true;
    return {
      applied: true,
      [Symbol.dispose]: () => {
        if (isHeld) this.#holders -= 1;
        isHeld = false;
      },
    };
  }

  /** Works until nobody holds it and the last port is gone. Throws if it cannot. */
  async #start(rules: StepRules): Promise<void> {
    const { nameServers, containerProcesses, engine } = this.#deps;
    if (!isRoot()) throw new Error('the platform does not run as root');
    if (!(await seesEngineProcesses())) throw new Error('the platform runs in a container');
    const facts = await engine();
    const bridge = bridgeHere(facts);
    const apply = async () => applyStepRules({ ...rules, nameServers: await nameServers() });
    await apply();
    const ports = new StepPorts({ ...bridge, steps: stepGroups(facts), containerProcesses });
    const applying = setInterval(() => void apply().catch(() => undefined), applyEveryMs);
    const ending = setInterval(() => {
      if (this.#holders > 0 || ports.isUsed) return;
      clearInterval(applying);
      clearInterval(ending);
      ports.close();
      this.#working = null;
    }, endEveryMs);
    applying.unref();
    ending.unref();
  }
}

function bridgeHere({ isHere, bridge }: EngineOnHost): BridgeOnHost {
  if (!isHere) throw new Error('the engine is on another machine');
  if (bridge === null) throw new Error('the engine has no default bridge');
  if (existsSync(`/sys/class/net/${bridge.interface}/brif`)) return bridge;
  throw new Error('the engine’s default bridge is not in the platform’s network namespace');
}
