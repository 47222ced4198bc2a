import type { BuildOutput } from '../domain/build.ts';

const keptLines = 60;

/** Passes on what a build says up to `maxBytes`; of the rest, the end is told when `end` is called. */
export class LimitedOutput implements BuildOutput {
  readonly #to: BuildOutput;
  readonly #maxBytes: number;
  readonly #heard: () => void;
  readonly #tail: (() => void)[] = [];
  #bytes = 0;

  /** `heard` is called at every line. */
  constructor(to: BuildOutput, { maxBytes, heard = () => undefined }: { maxBytes: number; heard?: () => void }) {
    this.#to = to;
    this.#maxBytes = maxBytes;
    this.#heard = heard;
  }

  step(text: string): void {
    this.#pass(text, () => this.#to.step(text));
  }

  detail(text: string): void {
    this.#pass(text, () => this.#to.detail(text));
  }

  warn(text: string): void {
    this.#pass(text, () => this.#to.warn(text));
  }

  end(): void {
    for (const say of this.#tail.splice(0)) say();
  }

  #pass(text: string, say: () => void): void {
    this.#heard();
    const before = this.#bytes;
    this.#bytes += text.length + 1;
    if (this.#bytes <= this.#maxBytes) {
      say();
      return;
    }
    if (before <= this.#maxBytes) {
      this.#to.warn(
        `The build has written more than ${Math.round((this.#maxBytes / 1024 / 1024) * 10) / 10} MB. What follows is not shown, but for its last ${keptLines} lines.`,
      );
    }
    this.#tail.push(say);
    if (this.#tail.length > keptLines) this.#tail.shift();
  }
}
