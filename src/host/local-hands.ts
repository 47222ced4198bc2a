import type { EngineOnHost, HostHands } from '../domain/host-hands.ts';
import { isRoot } from '../system/privileges.ts';
import { answers } from './answers.ts';
import { brakeBuildKit } from './build-brake.ts';
import { connectionTable } from './connection-limits.ts';
import { containerDisk, stepDisks, whyNotCounted } from './container-disk.ts';
import { diskOf } from './disk.ts';
import { containersDiskUse } from './disk-use.ts';
import { applyHostFirewall, nameServers, removeHostFirewall } from './firewall.ts';
import { createInsideLimits } from './inside-limits.ts';
import { iptablesError } from './iptables.ts';
import { lowKernelLimits } from './kernel-limits.ts';
import { hostLoad } from './load.ts';
import { hostRoutes, reachableNetworks } from './routes.ts';
import { limitSockets } from './socket-memory.ts';
import { StepSeparator } from './step-separation.ts';

export interface LocalHandsDeps {
  /** PAAS_HOME. */
  readonly home: string;
  /** Throws until the engine has answered once. */
  readonly engine: () => Promise<EngineOnHost>;
  /** Process numbers of the containers on the engine's default bridge. */
  readonly bridgeProcesses: () => Promise<readonly number[]>;
}

/** The hands on the machine that this process runs on. */
export function createLocalHands({ home, engine, bridgeProcesses }: LocalHandsDeps): HostHands {
  const separator = new StepSeparator({
    engine,
    // All of them: which networks are denied may change while steps run.
    nameServers: () => nameServers(['0.0.0.0/0']),
    containerProcesses: bridgeProcesses,
  });
  const limitInside = createInsideLimits();
  return {
    answers,
    applyFirewall: (rules) => applyHostFirewall(rules, async () => (await engine()).bridge?.interface ?? null),
    async limitQueries(ids, perSecond) {
      try {
        if (!isRoot()) return null;
        await limitInside(ids, perSecond);
        return null;
      } catch (error) {
        return `DNS queries of apps to the engine are not limited: ${iptablesError(error)}.`;
      }
    },
    removeFirewall: removeHostFirewall,
    separateSteps: (rules) => separator.hold(rules),
    brakeSteps: () => brakeBuildKit(engine),
    async disks() {
      const dataRoot = await engine().then(
        (known) => known.dataRoot,
        () => null,
      );
      return Promise.all([diskOf('home', home), ...(dataRoot === null ? [] : [diskOf('engine', dataRoot)])]);
    },
    whyNotCounted: () => whyNotCounted(engine),
    containerDisk: (containerId, signal) => containerDisk(engine, containerId, signal),
    stepDisks: (mark, signal) => stepDisks(engine, mark, signal),
    limitSockets: (containerId) => limitSockets(engine, containerId),
    lowKernelLimits: () => lowKernelLimits(),
    diskUse: (containers, signal) => containersDiskUse(containers, engine, signal),
    load: hostLoad,
    routes: hostRoutes,
    reachableNetworks,
    connectionTable,
  };
}
