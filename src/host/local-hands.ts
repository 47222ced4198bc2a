import type { EngineOnHost, HostHands } from '../domain/host-hands.ts';
import { answers } from './answers.ts';
import { brakeBuildKit } from './build-brake.ts';
import { containerDisk, whyNotCounted } from './container-disk.ts';
import { diskOf } from './disk.ts';
import { applyHostFirewall, removeHostFirewall } from './firewall.ts';
import { hostLoad } from './load.ts';
import { hostRoutes } from './routes.ts';

export interface LocalHandsDeps {
  /** PAAS_HOME. */
  readonly home: string;
  /** Throws until the engine has answered once. */
  readonly engine: () => Promise<EngineOnHost>;
}

/** The hands on the machine that this process runs on. */
export function createLocalHands({ home, engine }: LocalHandsDeps): HostHands {
  return {
    answers,
    applyFirewall: (rules) => applyHostFirewall(rules, async () => (await engine()).bridge),
    removeFirewall: removeHostFirewall,
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
    load: hostLoad,
    routes: hostRoutes,
  };
}
