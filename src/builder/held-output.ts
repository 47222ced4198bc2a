import type { BuildOutput } from '../domain/build.ts';

/** Keeps what is said until its turn has come: for work that goes on beside other work that a person reads about first. */
export class HeldOutput implements BuildOutput {
  readonly #to: BuildOutput;
  #held: (() => void)[] | null = [];

  constructor(to: BuildOutput) {
    this.#to = to;
  }

  step(text: string): void {
    this.#say(() => this.#to.step(text));
  }

  detail(text: string): void {
    this.#say(() => this.#to.detail(text));
  }

  warn(text: string): void {
    this.#say(() => this.#to.warn(text));
  }

  /** From now on nothing is held. May be called again. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const say of held) say();
  }

  #say(say: () => void): void {
    if (this.#held) this.#held.push(say);
    else say();
  }
}
