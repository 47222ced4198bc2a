import type { Cloudlets } from '../domain/cloudlet.ts';
import type { Host } from '../domain/host.ts';

/** A host with what is promised on it already. */
export interface HostLoad {
  readonly host: Host;
  readonly used: Cloudlets;
}

/** What is to be placed on one host: so many instances of one size. */
export interface PlacementRequest {
  readonly count: number;
  readonly size: Cloudlets;
}

/** One reason why a host cannot take a request. Explains itself with the numbers a person needs. */
export interface HostFilter {
  readonly name: string;
  check(load: HostLoad, request: PlacementRequest): boolean;
  explain(load: HostLoad, request: PlacementRequest): string;
}

export const readyFilter: HostFilter = {
  name: 'ready',
  check: ({ host }) => host.state === 'ready',
  explain: ({ host }) => `host ${host.name} is ${host.state}`,
};

export const capacityFilter: HostFilter = {
  name: 'capacity',
  check: ({ host, used }, { count, size }) => used + count * size <= host.cloudlets,
  explain: ({ host, used }, { count, size }) =>
    `host ${host.name} has ${Math.max(0, host.cloudlets - used)} of ${host.cloudlets} cloudlets free, and ${count} × ${size} = ${count * size} are needed`,
};

export const hostFilters: readonly HostFilter[] = [readyFilter, capacityFilter];
