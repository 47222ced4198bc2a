/** Joins small pieces into one, so that what follows costs as much as the bytes and not as the pieces. */
export class Pieces {
  readonly #joined: Buffer;
  #first: Buffer | null = null;
  #length = 0;
  #count = 0;

  constructor(maxBytes: number) {
    this.#joined = Buffer.allocUnsafeSlow(maxBytes);
  }

  get isEmpty(): boolean {
    return this.#first === null && this.#length === 0;
  }

  /** Whether the piece fits. */
  takes(piece: Buffer): boolean {
    return (this.#first?.length ?? this.#length) + piece.length <= this.#joined.length;
  }

  /** How many were added since the last `take`. */
  get count(): number {
    return this.#count;
  }

  /** A first piece is kept as it is, so it must stay valid until `take`. The piece must fit. */
  add(piece: Buffer): void {
    this.#count += 1;
    if (this.isEmpty) {
      this.#first = piece;
      return;
    }
    if (this.#first) {
      this.#length = this.#first.copy(this.#joined);
      this.#first = null;
    }
    // A copy in JavaScript is faster than a call of Node's for the few bytes of most pieces.
    if (piece.length > 8) piece.copy(this.#joined, this.#length);
    else for (let at = 0; at < piece.length; at += 1) this.#joined[this.#length + at] = piece[at] ?? 0;
    this.#length += piece.length;
  }

  /** What was added since the last call, valid until the next piece is added. Empty when nothing was. */
  take(): Buffer {
    const whole = this.#first ?? this.#joined.subarray(0, this.#length);
    this.#first = null;
    this.#length = 0;
    this.#count = 0;
    return whole;
  }
}
