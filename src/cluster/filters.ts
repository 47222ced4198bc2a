import type { Cloudlets } from '../domain/cloudlet.ts';
import type { Host } from '../domain/host.ts';

/** A host, and the cloudlets that are reserved for its instances. */
export interface HostLoad {
  readonly host: Host;
  readonly promised: Cloudlets;
}

/** Why a host takes no instance, whatever its room, to follow the host's name; null when it takes some. */
export type HostFilter = (host: Host) => string | null;

const readyFilter: HostFilter = ({ state }) => {
  if (state === 'ready') return null;
  return state === 'maintenance' ? 'is in maintenance' : 'does not answer';
};

const roleFilter: HostFilter = ({ role }) => (role === 'infra' ? 'runs the platform’s own parts only' : null);

export const hostFilters: readonly HostFilter[] = [readyFilter, roleFilter];
