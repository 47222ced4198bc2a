/** What is done on a host beside its engine. Callers that must not wait give a signal; all else ends by itself. */
export interface HostHands {
  /** Whether something listens there, seen from the host: one attempt, of a second at most. Throws the signal's reason. */
  answers(place: { readonly address: string; readonly port: number }, signal: AbortSignal): Promise<boolean>;
  /**
   * Puts the rules in place, or back in place. Call it again and again: a firewall that others reload forgets them. New
   * networks of the platform are covered without a call. Never throws: says why it cannot be done.
   */
  applyFirewall(rules: FirewallRules): Promise<FirewallState>;
  /** Takes the platform's rules away. May be called when there are none. */
  removeFirewall(platformId: string): Promise<void>;
  /** The disk that holds a path of the host; null where it cannot be looked at. */
  disk(path: string): Promise<DiskState | null>;
}

/** By a host's id. Throws `not_found` for a host that is not known. */
export type HandsOn = (hostId: string) => HostHands;

export interface FirewallRules {
  readonly platformId: string;
  /** Interface names of the platform's networks that exist, to see whether they are in the hands' network namespace. */
  readonly bridges: readonly string[];
  /**
   * The interface of the engine's own bridge, where steps of Dockerfiles run, to keep it from link-local addresses (cloud
   * metadata) and from nothing else: others have containers there. Null leaves it alone.
   */
  readonly buildBridge: string | null;
}

export type FirewallState =
  | { readonly applied: true }
  /** What a person must know, as a whole sentence for `doctor`. */
  | { readonly applied: false; readonly reason: string };

export interface DiskState {
  /** What a user without privileges may still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}
