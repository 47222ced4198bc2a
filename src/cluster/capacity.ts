import { type CloudletSize, type Cloudlets, cloudletsIn } from '../domain/cloudlet.ts';
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

/** How much of a host may be promised to instances. */
export interface PromiseTerms {
  /** Apps use less than they reserve, so more than the host has is promised. */
  readonly overcommit: number;
  /** The share of this that only replacements of running instances may use. */
  readonly deployReservePercent: number;
}

/** The terms in cloudlets of a host. */
export function promisesOf(
  cloudlets: Cloudlets,
  { overcommit, deployReservePercent }: PromiseTerms,
): Pick<Host, 'promisable' | 'deployReserve'> {
  const promisable = Math.floor(cloudlets * overcommit);
  return { promisable, deployReserve: Math.floor((promisable * deployReservePercent) / 100) };
}

/** What is reserved for all active instances, by host. An instance that is stopping counts, because it still uses its memory. */
export function hostLoads(hosts: readonly Host[], active: readonly Instance[]): readonly HostLoad[] {
  return hosts.map((host) => ({
    host,
    promised: reservedFor(active.filter(({ hostId }) => hostId === host.id)),
  }));
}

/** The sum of their reserved cloudlets. */
export function reservedFor(instances: readonly Pick<Instance, 'size'>[]): Cloudlets {
  return instances.reduce((sum, { size }) => sum + size.reserved, 0);
}
