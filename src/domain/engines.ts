import type { Engine } from './engine.ts';

/** The container engine of each host. Hosts come and go while the platform runs. */
export interface Engines {
  /** The engine of that host. Throws `not_found` for an unknown host. Makes no request to the engine. */
  on(hostId: string): Engine;
  /** Ids of the hosts that have an engine now, whether it answers or not. */
  known(): readonly string[];
  /** Calls `listener` after a host was added or removed; it compares with `known` again. The returned function ends this. */
  subscribe(listener: () => void): () => void;
}
