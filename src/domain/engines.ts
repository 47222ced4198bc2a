import type { Engine } from './engine.ts';

/** The container engine of each host. Hosts come and go while the platform runs. */
export interface Engines {
  /** The engine of that host. Throws `not_found` for a host that is not known. Asks nothing of it. */
  on(hostId: string): Engine;
  /** Ids of the hosts that have an engine now, whether it answers or not. */
  known(): readonly string[];
  /** Calls back after a host came or went: compare with `known` again. Ends with the returned function. */
  subscribe(listener: () => void): () => void;
}
