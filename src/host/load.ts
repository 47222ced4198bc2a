import { cpus, freemem, loadavg, totalmem } from 'node:os';
import type { HostLoad } from '../domain/host-hands.ts';

/** `freemem` is the kernel's MemAvailable (libuv 1.45 and newer), which includes caches that the kernel can drop. */
export async function hostLoad(): Promise<HostLoad> {
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  return {
    averages: [one, five, fifteen],
    cpus: cpus().length,
    freeMemoryBytes: freemem(),
    memoryBytes: totalmem(),
  };
}
