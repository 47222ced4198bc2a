import type { PlatformCapacity } from '../api/contract.ts';
import { hostLoads } from '../cluster/capacity.ts';
import type { HostLoad as Promises } from '../cluster/filters.ts';
import type { Settings } from '../config/settings.ts';
import type { Engines } from '../domain/engines.ts';
import type { HandsOn, HostLoad } from '../domain/host-hands.ts';
import type { Store } from '../domain/store.ts';
import { inTime } from './in-time.ts';

export interface CapacityDeps {
  readonly engines: Engines;
  readonly handsOn: HandsOn;
  readonly settings: Pick<Settings, 'overcommit' | 'cloudletMemoryBytes' | 'cloudletCpuMhz'>;
}

/** What is promised, used and free on all hosts together. Throws when the store does not answer. */
export async function platformCapacity(deps: CapacityDeps & { readonly store: Store }): Promise<PlatformCapacity> {
  const { store } = deps;
  const [hosts, active] = await Promise.all([store.hosts.list(), store.instances.listActive()]);
  return capacityOf(hostLoads(hosts, active), deps);
}

/** The same for promises that were read before. Memory is null when a host does not answer in time. Never throws. */
export async function capacityOf(
  loads: readonly Promises[],
  { engines, handsOn, settings }: CapacityDeps,
): Promise<PlatformCapacity> {
  const memory = await Promise.all(
    engines.known().map((hostId) => inTime(handsOn(hostId).load(), 'the host').catch(() => null)),
  );
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  const known = memory.every((load): load is HostLoad => load !== null) ? memory : null;
  return {
    cloudlets_total: sum(loads.map(({ host }) => host.cloudlets)),
    cloudlets_promisable: sum(loads.map(({ host }) => host.promisable)),
    cloudlets_promised: sum(loads.map(({ promised }) => promised)),
    cloudlets_kept: sum(loads.map(({ host }) => host.deployReserve)),
    overcommit: settings.overcommit,
    memory_total_bytes: known && sum(known.map(({ memoryBytes }) => memoryBytes)),
    memory_free_bytes: known && sum(known.map(({ freeMemoryBytes }) => freeMemoryBytes)),
    cloudlet_memory_bytes: settings.cloudletMemoryBytes,
    cloudlet_cpu_mhz: settings.cloudletCpuMhz,
  };
}
