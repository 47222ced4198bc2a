import type { Settings } from '../config/settings.ts';

/** What the API and git give to strangers and to each account. */
export interface EntranceLimits {
  /** Connections in all. */
  readonly connections: number;
  /** Of these, connections whose present request has shown no valid token. */
  readonly strangers: number;
  /** Requests in progress without a token from one client. */
  readonly strangersPerClient: number;
  /** How long such a request may be in progress. */
  readonly strangerMs: number;
  /** Bodies of more than 16 KB that are read into memory at once, up to 1 MB each. */
  readonly bodies: number;
  /** Below this rate a client that sends or reads is cut. */
  readonly minBytesPerSecond: number;
  /** How long a client may stall before its first byte. */
  readonly graceMs: number;
  readonly sweepEveryMs: number;
}

export function entranceLimits(
  settings: Pick<Settings, 'apiConnections' | 'apiStrangers' | 'apiMinRate'>,
): EntranceLimits {
  return {
    connections: settings.apiConnections,
    strangers: settings.apiStrangers,
    strangersPerClient: 64,
    strangerMs: 15_000,
    bodies: 128,
    minBytesPerSecond: settings.apiMinRate,
    graceMs: 30_000,
    sweepEveryMs: 1_000,
  };
}
