import type { PlatformStatus } from '../api/contract.ts';
import type { KernelLimit } from '../domain/host-hands.ts';

/** Whether what the kernel has once for all apps could run out. `low`: the limits that are too low for a host of apps. */
export function kernelCheck(low: readonly KernelLimit[]): PlatformStatus['checks'][number] {
  const name = 'kernel limits';
  if (low.length === 0) {
    return { name, state: 'ok', message: 'process numbers, open files and terminals suffice for all apps', fix: null };
  }
  return {
    name,
    state: 'warning',
    message: `all apps share ${low.map((limit) => `${limit.name} (${limit.value})`).join(', ')}, and a few can use it up`,
    fix: `As root: ${low.map((limit) => `sysctl -w ${limit.name}=${limit.raised}`).join('; ')}`,
  };
}
