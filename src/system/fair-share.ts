/**
 * Places that are shared by name. A name gets another place while it has fewer than are free, times `generosity`. So one
 * name alone can take `generosity / (1 + generosity)` of them, several take equal parts, and some always stay free.
 */
export class FairShare {
  readonly #total: number;
  readonly #generosity: number;
  readonly #held = new Map<string, number>();
  #taken = 0;

  constructor(total: number, generosity = 1) {
    this.#total = total;
    this.#generosity = generosity;
  }

  held(name: string): number {
    return this.#held.get(name) ?? 0;
  }

  /** Whether `take` would give the name a place. */
  hasRoom(name: string): boolean {
    const held = this.held(name);
    const free = this.#total - this.#taken;
    return free >= 1 && (held === 0 || held < free * this.#generosity);
  }

  /** Returns the function that gives the place back, which may be called again. Null when the name must wait. */
  take(name: string): (() => void) | null {
    if (!this.hasRoom(name)) return null;
    this.#held.set(name, this.held(name) + 1);
    this.#taken += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#taken -= 1;
      const left = this.held(name) - 1;
      if (left > 0) this.#held.set(name, left);
      else this.#held.delete(name);
    };
  }
}
