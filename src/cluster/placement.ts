import type { Cloudlets } from '../domain/cloudlet.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Host } from '../domain/host.ts';
import { type HostFilter, type HostLoad, hostFilters } from './filters.ts';

/**
 * How much of a host an instance may use. `new`: what is free without the reserve for deploys. `replacement`: all that is
 * free. `anyway`: one more than fits, because the instance replaces one that runs, and its app was promised to run.
 */
export type Admission = 'new' | 'replacement' | 'anyway';

export interface PlaceOptions {
  readonly admission?: Admission;
  readonly filters?: readonly HostFilter[];
}

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
 * Chooses a host for each number of reserved cloudlets, in their order: for all or for none. Spreads them over the hosts
 * with the most room; packs them tightly only when all of them fit no other way. Pure.
 * Throws `no_capacity` with the numbers of each host, and how many fit. With `anyway` it throws only when no host takes
 * instances.
 */
export function place(
  loads: readonly HostLoad[],
  sizes: readonly Cloudlets[],
  { admission = 'new', filters = hostFilters }: PlaceOptions = {},
): readonly Host[] {
  const facts = { sizes, filters, admission };
  const spread = attempt(loads, facts, mostRoom);
  if (isWhole(spread)) return spread;
  const packed = attempt(loads, facts, leastRoom);
  if (isWhole(packed)) return packed;
  const fitting = Math.max(count(spread), count(packed));
  const hosts = loads.map((load) => `host ${load.host.name} ${explained(load, { admission, filters })}`);
  const all = [...(hosts.length > 0 ? hosts : ['no host is known']), `and ${need(sizes)} are needed`].join(', ');
  throw new PlatformError('no_capacity', `No room: ${all}: ${fitting} of ${sizes.length} fit.`, {
    hint: 'Scale something down (paas ps:scale), reserve less (paas ps:scale web=1:1-4), raise PAAS_OVERCOMMIT, or give the host more memory.',
  });
}

/** Chooses for the largest first, because small ones fit in what these leave. Null for each without room. */
function attempt(
  loads: readonly HostLoad[],
  { sizes, filters, admission }: { readonly sizes: readonly Cloudlets[] } & Required<PlaceOptions>,
  preference: Preference,
): readonly (Host | null)[] {
  const candidates: Candidate[] = loads
    .filter(({ host }) => filters.every((filter) => filter(host) === null))
    .map((load) => ({ host: load.host, free: freeOf(load, admission) }));
  const chosen = sizes.map((): Host | null => null);
  const largestFirst = sizes.map((size, index) => ({ size, index })).sort((one, other) => other.size - one.size);
  for (const { size, index } of largestFirst) {
    const [best] = candidates.filter(({ free }) => admission === 'anyway' || free >= size).sort(preference);
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

function explained(load: HostLoad, { admission, filters }: Required<PlaceOptions>): string {
  for (const filter of filters) {
    const reason = filter(load.host);
    if (reason !== null) return reason;
  }
  const { host, promised } = load;
  const { cloudlets, promisable, deployReserve } = host;
  const overcommit = Math.round((100 * promisable) / Math.max(1, cloudlets)) / 100;
  const terms = [
    ...(promisable === cloudlets ? [] : [`${cloudlets} × overcommit ${overcommit}`]),
    `${promised} are promised`,
    ...(admission === 'new' && deployReserve > 0 ? [`${deployReserve} are kept for deploys`] : []),
  ];
  const free = Math.max(0, freeOf(load, admission));
  return `has ${free} of ${promisable} cloudlets free (${terms.join(', ')})`;
}

/** "3 × 4 + 1 × 8 = 20" */
function need(sizes: readonly Cloudlets[]): string {
  const counts = new Map<Cloudlets, number>();
  for (const size of sizes) counts.set(size, (counts.get(size) ?? 0) + 1);
  const terms = [...counts].map(([size, number]) => `${number} × ${size}`);
  return `${terms.join(' + ')} = ${sizes.reduce((sum, size) => sum + size, 0)}`;
}

/** Negative when more is promised than may be. */
function freeOf({ host, promised }: HostLoad, admission: Admission): Cloudlets {
  return host.promisable - promised - (admission === 'new' ? host.deployReserve : 0);
}
