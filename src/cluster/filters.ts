import type { Cloudlets } from '../domain/cloudlet.ts';
import type { Host } from '../domain/host.ts';

/** A host with what is promised on it already. */
export interface HostLoad {
  readonly host: Host;
  readonly used: Cloudlets;
}

/** Why no instance is placed on a host, however much room it has, to go on after its name; null: nothing is against it. */
export type HostFilter = (host: Host) => string | null;

const readyFilter: HostFilter = ({ state }) => {
  if (state === 'ready') return null;
  return state === 'maintenance' ? 'is in maintenance' : 'does not answer';
};

const roleFilter: HostFilter = ({ role }) => (role === 'infra' ? 'runs the platform’s own parts only' : null);

export const hostFilters: readonly HostFilter[] = [readyFilter, roleFilter];
