import type { BuildOutput } from '../domain/build.ts';

const keptLines = 60;

/** Passes on what a build says up to `maxBytes`; of the rest, the end is told when `end` is called. */
export class LimitedOutput implements BuildOutput {
  readonly #to: BuildOutput;
  readonly #maxBytes: number;
  readonly #onLine: () => void;
  readonly #edit: (text: string) => string | null;
  readonly #tail: (() => void)[] = [];
  #bytes = 0;

  /** `onLine` is called at every line; `edit` changes one, or takes it out. */
  constructor(
    to: BuildOutput,
    options: {
      readonly maxBytes: number;
      readonly onLine?: () => void;
      readonly edit?: (text: string) => string | null;
    },
  ) {
    this.#to = to;
    this.#maxBytes = options.maxBytes;
    this.#onLine = options.onLine ?? (() => undefined);
    this.#edit = options.edit ?? ((text) => text);
  }

  step(text: string): void {
    this.#pass(text, (edited) => this.#to.step(edited));
  }

  detail(text: string): void {
    this.#pass(text, (edited) => this.#to.detail(edited));
  }

  warn(text: string): void {
    this.#pass(text, (edited) => this.#to.warn(edited));
  }

  end(): void {
    for (const say of this.#tail.splice(0)) say();
  }

  #pass(text: string, show: (edited: string) => void): void {
    this.#onLine();
    const edited = this.#edit(text);
    if (edited === null) return;
    const say = () => show(edited);
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
