import type { BuildOutput } from '../domain/build.ts';

/** Holds output back until `release`: for work that runs beside other work whose output must come first. */
export class HeldOutput implements BuildOutput {
  readonly #to: BuildOutput;
  #held: (() => void)[] | null = [];

  constructor(to: BuildOutput) {
    this.#to = to;
  }

  step(text: string): void {
    this.#pass(() => this.#to.step(text));
  }

  detail(text: string): void {
    this.#pass(() => this.#to.detail(text));
  }

  warn(text: string): void {
    this.#pass(() => this.#to.warn(text));
  }

  /** Passes on what was held, and from now on everything at once. May be called again. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const print of held) print();
  }

  #pass(print: () => void): void {
    if (this.#held) this.#held.push(print);
    else print();
  }
}
