/** Counts by name. A name without any is forgotten. */
export class Counts {
  readonly #counts = new Map<string, number>();

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** False, and nothing is counted, when there are `limit` already. */
  add(name: string, limit: number): boolean {
    const count = this.of(name);
    if (count >= limit) return false;
    this.#counts.set(name, count + 1);
    return true;
  }

  remove(name: string): void {
    const left = this.of(name) - 1;
    if (left > 0) this.#counts.set(name, left);
    else this.#counts.delete(name);
  }
}
