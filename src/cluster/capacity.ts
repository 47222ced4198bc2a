import { type CloudletSize, cloudletsIn } from '../domain/cloudlet.ts';
import type { EngineInfo } from '../domain/engine.ts';
import type { Host } from '../domain/host.ts';
import type { Instance } from '../domain/instance.ts';
import type { HostLoad } from './filters.ts';

const megabyte = 1024 * 1024;

/** Bytes reserved for the engine, the platform and the builds: a tenth of the memory, at least 512 MiB. */
export function reservedBytes(memoryBytes: number): number {
  return Math.max(512 * megabyte, Math.floor(memoryBytes / 10));
}

/** The capacity of a machine in whole cloudlets. */
export function hostCloudlets(info: Pick<EngineInfo, 'memoryBytes'>, size: CloudletSize): number {
  return Math.max(0, cloudletsIn(info.memoryBytes - reservedBytes(info.memoryBytes), size));
}

/** The sizes of all active instances, by host. An instance that is stopping counts, because it still uses its memory. */
export function hostLoads(hosts: readonly Host[], active: readonly Instance[]): readonly HostLoad[] {
  return hosts.map((host) => ({
    host,
    used: active.reduce((sum, instance) => (instance.hostId === host.id ? sum + instance.size : sum), 0),
  }));
}
