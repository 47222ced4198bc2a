/** The agent never sends a longer answer. */
const lineBytes = 32 * 1024 * 1024;

/** Reads the agent's standard output: lines, and bytes at the end. */
export class Answers {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** The next line, without its line end; null when the agent has ended. */
  async line(): Promise<string | null> {
    const parts: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const end = this.#rest.indexOf(10);
      if (end >= 0) {
        parts.push(this.#rest.subarray(0, end));
        this.#rest = this.#rest.subarray(end + 1);
        return Buffer.concat(parts).toString('latin1');
      }
      parts.push(this.#rest);
      bytes += this.#rest.length;
      this.#rest = Buffer.alloc(0);
      if (bytes > lineBytes) return null;
      const next = await this.#chunks.next();
      if (next.done) return null;
      this.#rest = next.value;
    }
  }

  /** All bytes from now on. */
  async *bytes(): AsyncGenerator<Buffer> {
    if (this.#rest.length > 0) yield this.#rest;
    this.#rest = Buffer.alloc(0);
    for (;;) {
      const next = await this.#chunks.next();
      if (next.done) return;
      yield next.value;
    }
  }

  /** Reads to the end and discards what it reads. */
  async drain(): Promise<void> {
    this.#rest = Buffer.alloc(0);
    for (let next = await this.#chunks.next(); !next.done; ) next = await this.#chunks.next();
  }
}
