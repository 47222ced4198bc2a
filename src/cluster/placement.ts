import { PlatformError } from '../domain/errors.ts';
import { type HostFilter, type HostLoad, hostFilters, type PlacementRequest } from './filters.ts';

/**
 * Chooses the host with the most room among those that pass every filter. Pure.
 * Throws `no_capacity` with each host's reason and numbers.
 */
export function place(
  loads: readonly HostLoad[],
  request: PlacementRequest,
  filters: readonly HostFilter[] = hostFilters,
): HostLoad {
  const reasons: string[] = [];
  let best: HostLoad | undefined;
  for (const load of loads) {
    const refusal = filters.find((filter) => !filter.check(load, request));
    if (refusal) reasons.push(refusal.explain(load, request));
    else if (!best || freeOf(load) > freeOf(best)) best = load;
  }
  if (best) return best;
  throw new PlatformError('no_capacity', `No room: ${reasons.join('; ') || 'no host is known'}.`, {
    hint: 'Scale something down (paas ps:scale), use a smaller size (paas ps:scale web=1:256M), or give the host more memory.',
  });
}

function freeOf({ host, used }: HostLoad): number {
  return host.cloudlets - used;
}
