import { type CloudletSize, cloudletsIn } from '../domain/cloudlet.ts';
import type { EngineInfo } from '../domain/engine.ts';
import type { Host } from '../domain/host.ts';
import type { Instance } from '../domain/instance.ts';
import type { HostLoad } from './filters.ts';

const megabyte = 1024 * 1024;

/** Memory that the engine, the platform and the builds keep for themselves: a tenth, at least 512 MiB. */
export function reservedBytes(memoryBytes: number): number {
  return Math.max(512 * megabyte, Math.floor(memoryBytes / 10));
}

/** What a machine has to give, in whole cloudlets. */
export function hostCloudlets(info: Pick<EngineInfo, 'memoryBytes'>, size: CloudletSize): number {
  return Math.max(0, cloudletsIn(info.memoryBytes - reservedBytes(info.memoryBytes), size));
}

/** Adds up what active instances were promised; one that is on its way out still counts, it still holds its memory. */
export function hostLoads(hosts: readonly Host[], active: readonly Instance[]): readonly HostLoad[] {
  return hosts.map((host) => ({
    host,
    used: active.reduce((sum, instance) => (instance.hostId === host.id ? sum + instance.size : sum), 0),
  }));
}
