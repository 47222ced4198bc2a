import { randomUUID } from 'node:crypto';

interface Mark {
  readonly bytes: Buffer;
  readonly reach: () => void;
}

/**
 * What a build writes, with marks in it that nobody gets to see. The agent's answers come over a stream of their own, and
 * the engine carries the two independently: only a mark tells that all that was written before it has been heard.
 */
export class MarkedOutput {
  readonly #onOutput: (chunk: Buffer) => void;
  #mark: Mark | null = null;
  /** May be the beginning of the mark. */
  #held: Buffer = Buffer.alloc(0);

  constructor(onOutput: (chunk: Buffer) => void) {
    this.#onOutput = onOutput;
  }

  /** Expects one more mark: what is to be written as it, and the moment at which it, or the end, was heard. */
  expect(): { readonly text: string; readonly reached: Promise<void> } {
    const text = `\u0001${randomUUID()}\n`;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#mark = { bytes: Buffer.from(text), reach: resolve };
    return { text, reached: promise };
  }

  write(chunk: Buffer): void {
    const bytes = this.#mark?.bytes;
    if (!bytes) {
      this.#pass(chunk);
      return;
    }
    const all = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const at = all.indexOf(bytes);
    const end = at === -1 ? beginningOf(bytes, all) : at;
    this.#held = at === -1 ? all.subarray(end) : Buffer.alloc(0);
    this.#pass(all.subarray(0, end));
    if (at !== -1) {
      this.#reach();
      this.#pass(all.subarray(at + bytes.length));
    }
  }

  end(): void {
    this.#pass(this.#held);
    this.#held = Buffer.alloc(0);
    this.#reach();
  }

  #pass(chunk: Buffer): void {
    if (chunk.length > 0) this.#onOutput(chunk);
  }

  #reach(): void {
    this.#mark?.reach();
    this.#mark = null;
  }
}

/** Where the mark may have begun at the end of these bytes; their length, when it cannot have. */
function beginningOf(mark: Buffer, bytes: Buffer): number {
  const at = bytes.indexOf(mark.subarray(0, 1), Math.max(0, bytes.length - mark.length + 1));
  if (at === -1) return bytes.length;
  const tail = bytes.subarray(at);
  return tail.equals(mark.subarray(0, tail.length)) ? at : at + 1 + beginningOf(mark, bytes.subarray(at + 1));
}
