import type { RawSettings } from './setting-rules.ts';

/** How much may be under way in the resolver at the same time. */
export interface RequestLimits {
  /** Open connections of clients, over all. */
  readonly connections: number;
  /** Open connections of one client; its requests when it is behind a proxy. */
  readonly connectionsPerClient: number;
  /** Requests in flight of one client. Fewer than of one instance, so that no client takes a whole instance. */
  readonly requestsPerClient: number;
  /** Requests in flight and tunnels of one app. */
  readonly requestsPerApp: number;
  /** Requests in flight of one instance. */
  readonly requestsPerInstance: number;
  /** Requests that wait for an instance: of one app, and in all. */
  readonly heldPerApp: number;
  readonly heldInAll: number;
}

export function limitsOf(s: RawSettings): RequestLimits {
  return {
    connections: s.connections,
    connectionsPerClient: s.client_connections,
    requestsPerClient: s.client_requests,
    requestsPerApp: s.app_requests,
    requestsPerInstance: s.instance_requests,
    heldPerApp: s.app_held_requests,
    heldInAll: s.held_requests,
  };
}
