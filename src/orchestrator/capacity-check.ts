import type { PlatformStatus } from '../api/contract.ts';
import type { HostLoad as Promises } from '../cluster/filters.ts';
import { freePercent, isMemoryLow } from '../cluster/low-memory.ts';
import type { HostLoad } from '../domain/host-hands.ts';

type Check = PlatformStatus['checks'][number];

/** What is promised, used and free on a host. `load` is null while the host's memory cannot be read. Pure. */
export function capacityCheck(
  { host, promised }: Promises,
  load: HostLoad | null,
  { overcommit, lowMemoryPercent }: { readonly overcommit: number; readonly lowMemoryPercent: number },
): Check {
  const name = 'capacity';
  const { promisable, deployReserve, cloudlets } = host;
  const terms = `${cloudlets} × overcommit ${overcommit}, ${deployReserve} kept for deploys`;
  const message = `cloudlets: ${promised} of ${promisable} promised (${terms}); memory: ${load ? memoryWords(load) : '-'}`;
  if (load && isMemoryLow(load, lowMemoryPercent)) {
    const fix = `Below ${lowMemoryPercent} % free, apps above their reserve are restarted. Scale apps down, or give the host more memory.`;
    return { name, state: 'warning', message: `${message} (${freePercent(load)} %)`, fix };
  }
  if (promised < promisable - deployReserve) return { name, state: 'ok', message, fix: null };
  const fix = 'There is no room for new instances. Scale apps down, or raise PAAS_OVERCOMMIT.';
  return { name, state: 'warning', message, fix };
}

function memoryWords({ freeMemoryBytes, memoryBytes }: HostLoad): string {
  const gb = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
  return `${gb(memoryBytes - freeMemoryBytes)} of ${gb(memoryBytes)} GB used, ${gb(freeMemoryBytes)} GB free`;
}
