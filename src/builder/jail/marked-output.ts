import { randomUUID } from 'node:crypto';

interface Mark {
  readonly bytes: Buffer;
  readonly reach: () => void;
}

/**
 * Passes on a build's output and filters marks out of it. Output and answers of the agent come over two streams that are
 * not in step; a mark in the output shows that all output before it has arrived.
 */
export class MarkedOutput {
  readonly #onOutput: (chunk: Buffer) => void;
  #mark: Mark | null = null;
  /** Bytes that may be the beginning of the mark. */
  #held: Buffer = Buffer.alloc(0);

  constructor(onOutput: (chunk: Buffer) => void) {
    this.#onOutput = onOutput;
  }

  /** Expects one more mark. Write `text` into the output; `reached` resolves when it, or the end of the output, arrives. */
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

/** The position at the end of the bytes where the mark may begin; the length of the bytes when there is none. */
function beginningOf(mark: Buffer, bytes: Buffer): number {
  const at = bytes.indexOf(mark.subarray(0, 1), Math.max(0, bytes.length - mark.length + 1));
  if (at === -1) return bytes.length;
  const tail = bytes.subarray(at);
  return tail.equals(mark.subarray(0, tail.length)) ? at : at + 1 + beginningOf(mark, bytes.subarray(at + 1));
}
