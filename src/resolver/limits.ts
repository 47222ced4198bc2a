import type { RequestLimits } from '../config/request-limits.ts';

export const defaultLimits: RequestLimits = {
  connections: 8_192,
  connectionsPerClient: 1_024,
  requestsPerClient: 400,
  requestsPerApp: 2_048,
  requestsPerInstance: 500,
  heldPerApp: 1_000,
  heldInAll: 5_000,
};

/** How many of the connections may be used for what. */
export interface Ceilings {
  /** By everybody but the operator on this machine. */
  readonly strangers: number;
  /** With requests to apps. What is left is a reserve that no app can take. */
  readonly apps: number;
  /**
   * With requests to the platform's own hostnames: by default more than the strangers that the API lets wait
   * (PAAS_API_STRANGERS). The rest of the reserve is for requests that are still arriving.
   */
  readonly platform: number;
}

export function ceilingsOf(connections: number): Ceilings {
  const reserve = Math.ceil(connections / 8);
  return {
    strangers: connections - Math.ceil(reserve / 8),
    apps: connections - reserve,
    platform: Math.ceil((reserve * 3) / 4),
  };
}

/** Files that are no connection of a client or to an instance. */
const ownFiles = 1_024;

/**
 * The limits of a process that may open `openFiles` files: each connection needs another one to an instance, and instances
 * keep some idle ones. No app gets more than a quarter of the connections, and no client more than an eighth.
 */
export function limitsWithin(openFiles: number, limits: RequestLimits): RequestLimits {
  const connections = Math.max(64, Math.min(limits.connections, Math.floor((openFiles - ownFiles) / 2.5)));
  return {
    ...limits,
    connections,
    connectionsPerClient: Math.min(limits.connectionsPerClient, Math.ceil(connections / 8)),
    requestsPerApp: Math.min(limits.requestsPerApp, Math.ceil(connections / 4)),
  };
}
