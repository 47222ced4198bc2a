import type { RequestLimits } from '../config/request-limits.ts';
import { defaultLimits } from './limits.ts';

/** Every wait and limit of the resolver. A test passes smaller ones. */
export interface Timing extends RequestLimits {
  /** To open a connection to an instance; Heroku's router allows 5 s (H19). */
  readonly connectMs: number;
  /** From the end of the request to the first byte of the answer (H12). */
  readonly firstByteMs: number;
  /** Longest silence in both directions once the answer began, or while a request is being sent (H15, H28). */
  readonly idleMs: number;
  /** A client of an app that sends or reads less is cut (H28). 0: none is. */
  readonly minBytesPerSecond: number;
  /** How long a client may move nothing while it is waited for, before it is too slow. */
  readonly slowAfterMs: number;
  /** How often the rates of clients are looked at. */
  readonly slowSweepMs: number;
  /** Limit for receiving a whole request head. */
  readonly headersMs: number;
  /** How long a client's connection may wait for its next request. */
  readonly keepAliveMs: number;
  /** How long an instance that refused a connection is left alone while there are others. */
  readonly quarantineMs: number;
  /** A held request tries an instance that refused it again this often. */
  readonly probeMs: number;
  /** How long a request is held after the last instance refused it, while no new one is known to be starting. */
  readonly refusedHoldMs: number;
  /**
   * How long after its start an orchestrator may not have found yet which instances died while there was none. Until then a
   * refused request is held like one whose app is starting.
   */
  readonly returnedMs: number;
  /** How long a request is held while an instance is known to be starting, or to be started again within this time. */
  readonly startingHoldMs: number;
  /** An idle connection to an instance is closed after this, or earlier when the instance announces less. */
  readonly poolIdleMs: number;
  /**
   * How long the rest of a request body is read and discarded after the answer, so that the client can read the answer.
   */
  readonly lingerMs: number;
  /**
   * How long the answer to a client that has closed its side of the connection may take to begin. Such a client may have
   * left.
   */
  readonly halfClosedMs: number;
  /** What all clients together may send ahead of their answers. */
  readonly readAheadBytes: number;
  /** How long requests in flight may take to end when the resolver itself stops. */
  readonly stopMs: number;
}

export const defaultTiming: Timing = {
  connectMs: 5_000,
  firstByteMs: 30_000,
  idleMs: 55_000,
  minBytesPerSecond: 100,
  slowAfterMs: 55_000,
  slowSweepMs: 5_000,
  headersMs: 10_000,
  keepAliveMs: 75_000,
  quarantineMs: 5_000,
  probeMs: 100,
  refusedHoldMs: 2_000,
  returnedMs: 5_000,
  startingHoldMs: 15_000,
  poolIdleMs: 10_000,
  lingerMs: 5_000,
  halfClosedMs: 1_000,
  readAheadBytes: 16_777_216,
  stopMs: 10_000,
  ...defaultLimits,
};

/** The waits that differ between kinds of destination. */
export interface Patience {
  readonly firstByteMs: number;
  readonly idleMs: number;
}

const hourMs = 3_600_000;

/**
 * The platform's API and git server stream builds and logs that may be silent for long, and they watch their own
 * clients.
 */
export const reservedPatience: Patience = { firstByteMs: hourMs, idleMs: hourMs };
