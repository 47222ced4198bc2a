import type { Engine } from '../domain/engine.ts';
import type { Engines } from '../domain/engines.ts';
import { PlatformError } from '../domain/errors.ts';

/** The Engines port over the engines that were added. */
export class EngineRegistry implements Engines {
  readonly #engines = new Map<string, Engine>();
  readonly #listeners = new Set<() => void>();

  /** Adds the engine of a host. The returned function removes it. Throws `conflict` if the host has one already. */
  add(hostId: string, engine: Engine): () => void {
    if (this.#engines.has(hostId)) throw new PlatformError('conflict', `The host ${hostId} has an engine already.`);
    this.#engines.set(hostId, engine);
    this.#tell();
    return () => {
      if (this.#engines.delete(hostId)) this.#tell();
    };
  }

  on(hostId: string): Engine {
    const engine = this.#engines.get(hostId);
    if (engine) return engine;
    throw new PlatformError('not_found', `No host ${hostId} is known.`, { hint: 'See: paas doctor' });
  }

  known(): readonly string[] {
    return [...this.#engines.keys()];
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
