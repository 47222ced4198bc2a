import type { Engines } from '../domain/engines.ts';

/** One part for each host, begun when the host joins and closed when it leaves. No host waits for another. */
export class PerHost<Part extends { close(): Promise<void> }> {
  readonly #engines: Engines;
  readonly #begin: (hostId: string) => Part;
  readonly #parts = new Map<string, Part>();
  readonly #leaving = new Set<Promise<void>>();
  #unsubscribe: () => void = () => undefined;

  /** `begin` must not throw. */
  constructor(engines: Engines, begin: (hostId: string) => Part) {
    this.#engines = engines;
    this.#begin = begin;
  }

  /** Begins a part for each known host, and from then on for each that joins. */
  start(): void {
    this.#unsubscribe = this.#engines.subscribe(() => this.#compare());
    this.#compare();
  }

  get(hostId: string): Part | undefined {
    return this.#parts.get(hostId);
  }

  all(): readonly Part[] {
    return [...this.#parts.values()];
  }

  /** Resolves when all parts are closed, those of hosts that left earlier too. */
  async close(): Promise<void> {
    this.#unsubscribe();
    for (const hostId of [...this.#parts.keys()]) this.#end(hostId);
    await Promise.all(this.#leaving);
  }

  #compare(): void {
    const known = new Set(this.#engines.known());
    for (const hostId of [...this.#parts.keys()]) if (!known.has(hostId)) this.#end(hostId);
    for (const hostId of known) if (!this.#parts.has(hostId)) this.#parts.set(hostId, this.#begin(hostId));
  }

  #end(hostId: string): void {
    const leaving = this.#parts.get(hostId)?.close();
    this.#parts.delete(hostId);
    if (!leaving) return;
    const left = leaving.finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }
}
