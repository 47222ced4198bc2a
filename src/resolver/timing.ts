/** Every wait and limit of the resolver, in one place. A test hands over smaller ones. */
export interface Timing {
  /** To open a connection to an instance; Heroku's router allows 5 s (H19). */
  readonly connectMs: number;
  /** From the end of the request to the first byte of the answer (H12). */
  readonly firstByteMs: number;
  /** Without a byte either way once the answer began, or while a request is being sent (H15, H28). */
  readonly idleMs: number;
  /** A client that sends a body must deliver this much in each idle window, or end: a drip is an attack, not an upload. */
  readonly uploadFloorBytes: number;
  /** To receive a whole request head. */
  readonly headersMs: number;
  /** How long a client's connection may wait for its next request. */
  readonly keepAliveMs: number;
  /** How long an instance that refused a connection is left alone while there are others. */
  readonly quarantineMs: number;
  /** A held request tries an instance that refused it again this often. */
  readonly probeMs: number;
  /** How long a request waits for an instance after the last one refused, before anybody says that a new one is coming. */
  readonly refusedHoldMs: number;
  /** How long a request waits while an instance is known to be starting. */
  readonly startingHoldMs: number;
  /** An unused connection to an instance is closed after this; less when the instance says so. */
  readonly poolIdleMs: number;
  /**
   * A request that must not be sent twice takes a used connection only when it was idle for less than this: an instance
   * may be closing an older one at this very moment, and then nobody can know whether it did the work.
   */
  readonly unsafeReuseMs: number;
  /** How long the rest of a request body is thrown away after the answer, so that the client gets to read the answer. */
  readonly lingerMs: number;
  /** What in-flight requests may take when the resolver itself stops. */
  readonly stopMs: number;
  /** Held requests: per hostname's app, and over all. */
  readonly heldPerApp: number;
  readonly heldInAll: number;
  /** Open connections of one client from outside: an eighth of all that the resolver takes. */
  readonly connectionsPerClient: number;
}

export const defaultTiming: Timing = {
  connectMs: 5_000,
  firstByteMs: 30_000,
  idleMs: 55_000,
  uploadFloorBytes: 4_096,
  headersMs: 10_000,
  keepAliveMs: 75_000,
  quarantineMs: 5_000,
  probeMs: 100,
  refusedHoldMs: 2_000,
  startingHoldMs: 10_000,
  poolIdleMs: 10_000,
  unsafeReuseMs: 5,
  lingerMs: 5_000,
  stopMs: 10_000,
  heldPerApp: 1_000,
  heldInAll: 5_000,
  connectionsPerClient: 2_048,
};

/** What one kind of destination gets of it. */
export interface Patience {
  readonly firstByteMs: number;
  readonly idleMs: number;
}

const hourMs = 3_600_000;

/** The platform's own doors stream builds and logs that may be silent for long, and they watch their own clients. */
export const reservedPatience: Patience = { firstByteMs: hourMs, idleMs: hourMs };
