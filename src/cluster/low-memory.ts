import type { HostLoad } from '../domain/host-hands.ts';
import type { Instance } from '../domain/instance.ts';

/** An instance and the memory that it uses, without the file cache that the kernel would drop first. */
export interface InstanceMemory {
  readonly instance: Instance;
  readonly usedBytes: number;
}

/** How far an instance is above what it reserved. */
export interface AboveReserve extends InstanceMemory {
  readonly reservedBytes: number;
  readonly aboveBytes: number;
}

type Memory = Pick<HostLoad, 'freeMemoryBytes' | 'memoryBytes'>;

/** Whether less than `percent` of the host's memory is free. Pure. */
export function isMemoryLow({ freeMemoryBytes, memoryBytes }: Memory, percent: number): boolean {
  return freeMemoryBytes * 100 < memoryBytes * percent;
}

/** Free memory in whole percent. Pure. */
export function freePercent({ freeMemoryBytes, memoryBytes }: Memory): number {
  return Math.floor((freeMemoryBytes * 100) / Math.max(1, memoryBytes));
}

/**
 * The instance that uses the most bytes above its reserve; of two with the same, the newer one. Null when all are within
 * their reserves. Pure.
 */
export function furthestAbove(all: readonly InstanceMemory[], cloudletBytes: number): AboveReserve | null {
  const above = all.flatMap((one): AboveReserve[] => {
    const reservedBytes = one.instance.size.reserved * cloudletBytes;
    const aboveBytes = one.usedBytes - reservedBytes;
    return aboveBytes > 0 ? [{ ...one, reservedBytes, aboveBytes }] : [];
  });
  const order = (one: AboveReserve, other: AboveReserve) =>
    other.aboveBytes - one.aboveBytes || other.instance.seq - one.instance.seq;
  return above.sort(order)[0] ?? null;
}
