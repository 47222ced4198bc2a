import type { BuildOutput } from '../domain/build.ts';

const keptLines = 60;

/** Passes on the first `maxBytes` of a build's output, and of the rest the last 60 lines when `end` is called. */
export class LimitedOutput implements BuildOutput {
  readonly #to: BuildOutput;
  readonly #maxBytes: number;
  readonly #onLine: () => void;
  readonly #edit: (text: string) => string | null;
  readonly #tail: (() => void)[] = [];
  #bytes = 0;

  /** `onLine` is called at every line. `edit` returns the line to show, or null to leave it out. */
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
    for (const print of this.#tail.splice(0)) print();
  }

  #pass(text: string, show: (edited: string) => void): void {
    this.#onLine();
    const edited = this.#edit(text);
    if (edited === null) return;
    const print = () => show(edited);
    const before = this.#bytes;
    this.#bytes += text.length + 1;
    if (this.#bytes <= this.#maxBytes) {
      print();
      return;
    }
    if (before <= this.#maxBytes) {
      this.#to.warn(
        `The build has written more than ${Math.round((this.#maxBytes / 1024 / 1024) * 10) / 10} MB. The rest is not shown, except its last ${keptLines} lines.`,
      );
    }
    this.#tail.push(print);
    if (this.#tail.length > keptLines) this.#tail.shift();
  }
}
