import type { Cloudlets } from '../domain/cloudlet.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Host } from '../domain/host.ts';
import { type HostFilter, type HostLoad, hostFilters } from './filters.ts';

/** A host that may be chosen, with its free cloudlets. */
interface Candidate {
  readonly host: Host;
  free: Cloudlets;
}

/** Sorts hosts with enough room for the next instance: the first is chosen. */
type Preference = (one: Candidate, other: Candidate) => number;

const mostRoom: Preference = (one, other) => other.free - one.free;
const leastRoom: Preference = (one, other) => one.free - other.free;

/**
 * Chooses a host for each size, in the order of the sizes: for all or for none. Spreads them over the hosts with the most
 * room; packs them tightly only when all of them fit no other way. Pure.
 * Throws `no_capacity` with the numbers of each host, and how many of the sizes fit.
 */
export function place(
  loads: readonly HostLoad[],
  sizes: readonly Cloudlets[],
  filters: readonly HostFilter[] = hostFilters,
): readonly Host[] {
  const spread = attempt(loads, { sizes, filters, preference: mostRoom });
  if (isWhole(spread)) return spread;
  const packed = attempt(loads, { sizes, filters, preference: leastRoom });
  if (isWhole(packed)) return packed;
  const fitting = Math.max(count(spread), count(packed));
  const hosts = loads.map((load) => `host ${load.host.name} ${explained(load, filters)}`);
  const all = [...(hosts.length > 0 ? hosts : ['no host is known']), `and ${need(sizes)} are needed`].join(', ');
  throw new PlatformError('no_capacity', `No room: ${all}: ${fitting} of ${sizes.length} fit.`, {
    hint: 'Scale something down (paas ps:scale), use a smaller size (paas ps:scale web=1:256M), or give the host more memory.',
  });
}

/** Chooses for the largest first, because small ones fit in what these leave. Null for each without room. */
function attempt(
  loads: readonly HostLoad[],
  {
    sizes,
    filters,
    preference,
  }: { readonly sizes: readonly Cloudlets[]; readonly filters: readonly HostFilter[]; readonly preference: Preference },
): readonly (Host | null)[] {
  const candidates: Candidate[] = loads
    .filter(({ host }) => filters.every((filter) => filter(host) === null))
    .map((load) => ({ host: load.host, free: freeOf(load) }));
  const chosen = sizes.map((): Host | null => null);
  const largestFirst = sizes.map((size, index) => ({ size, index })).sort((one, other) => other.size - one.size);
  for (const { size, index } of largestFirst) {
    const [best] = candidates.filter(({ free }) => free >= size).sort(preference);
    if (!best) continue;
    best.free -= size;
    chosen[index] = best.host;
  }
  return chosen;
}

function isWhole(chosen: readonly (Host | null)[]): chosen is readonly Host[] {
  return !chosen.includes(null);
}

function count(chosen: readonly (Host | null)[]): number {
  return chosen.filter((host) => host !== null).length;
}

function explained(load: HostLoad, filters: readonly HostFilter[]): string {
  for (const filter of filters) {
    const reason = filter(load.host);
    if (reason !== null) return reason;
  }
  return `has ${freeOf(load)} of ${load.host.cloudlets} cloudlets free`;
}

/** "3 × 4 + 1 × 8 = 20" */
function need(sizes: readonly Cloudlets[]): string {
  const counts = new Map<Cloudlets, number>();
  for (const size of sizes) counts.set(size, (counts.get(size) ?? 0) + 1);
  const terms = [...counts].map(([size, number]) => `${number} × ${size}`);
  return `${terms.join(' + ')} = ${sizes.reduce((sum, size) => sum + size, 0)}`;
}

/** Never negative, also when the host's capacity was reduced below what its instances use. */
function freeOf({ host, used }: HostLoad): Cloudlets {
  return Math.max(0, host.cloudlets - used);
}
