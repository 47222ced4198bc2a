const cr = 0x0d;
const lf = 0x0a;
const semicolon = 0x3b;
const headEnd = Buffer.from('\r\n\r\n');
const nothing = Buffer.alloc(0);

type Part = 'before' | 'head' | 'length' | 'size' | 'extension' | 'chunk' | 'trailers';

/**
 * Finds where a request ends in the bytes of its connection, so that no more is handed to Node's parser. It judges nothing:
 * what the bytes mean, and whether they are allowed, is the parser's word. It only has to agree about where requests end
 * that the parser accepts (RFC 9112, 2.1 and 7.1).
 */
export class RequestEnd {
  #part: Part = 'before';
  /** The beginning of the head's end with which the bytes so far end. */
  #tail: Buffer = nothing;
  /** Bytes left of the body, or of a chunk with its end of line. */
  #left = 0;
  #lineBytes = 0;

  /** Whether the body comes in chunks. */
  get isInChunks(): boolean {
    return this.#part !== 'length';
  }

  /** Whether the bytes that were found so far end between two requests. */
  get isBefore(): boolean {
    return this.#part === 'before';
  }

  /** The index behind the last empty line before a request: parsers skip those. */
  skipLines(bytes: Buffer): number {
    if (this.#part !== 'before') return 0;
    let at = 0;
    while (bytes[at] === cr || bytes[at] === lf) at += 1;
    return at;
  }

  /** The index behind the end of the head. Null when that is not in these bytes. */
  ofHead(bytes: Buffer): number | null {
    this.#part = 'head';
    const tail = this.#tail;
    const seam = tail.length === 0 ? tail : Buffer.concat([tail, bytes.subarray(0, headEnd.length - 1)]);
    const atSeam = seam.indexOf(headEnd);
    const at = bytes.indexOf(headEnd);
    const end = atSeam === -1 ? at : atSeam - tail.length;
    if (atSeam === -1 && at === -1) {
      this.#tail = beginningAt(bytes.length < headEnd.length ? Buffer.concat([tail, bytes]) : bytes);
      return null;
    }
    this.#tail = nothing;
    return end + headEnd.length;
  }

  /** The head was complete. `length`: of its body, in bytes; `chunked` when only the body itself says. */
  bodyIs(length: number | 'chunked'): void {
    this.#part = length === 'chunked' ? 'size' : 'length';
    this.#left = length === 'chunked' ? 0 : length;
    this.#lineBytes = 0;
  }

  /** The index behind the end of the body. Null when that is not in these bytes. */
  ofBody(bytes: Buffer): number | null {
    let at = 0;
    while (at < bytes.length) {
      if (this.#part === 'length' || this.#part === 'chunk') {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
        if (this.#left > 0) return null;
        if (this.#part === 'length') return this.#over(at);
        this.#part = 'size';
      } else {
        this.#read(bytes[at] ?? 0);
        at += 1;
        if (this.#part === 'before') return at;
      }
    }
    return null;
  }

  /** The request is complete. The next byte is of another one. */
  over(): void {
    this.#part = 'before';
  }

  #over(at: number): number {
    this.#part = 'before';
    return at;
  }

  /** A byte of a line that gives a chunk's size, or of the trailers. */
  #read(byte: number): void {
    if (byte === lf) this.#lineEnded();
    else if (byte === semicolon && this.#part === 'size') this.#part = 'extension';
    else if (byte !== cr) {
      this.#lineBytes += 1;
      if (this.#part === 'size') this.#left = this.#left * 16 + digitOf(byte);
    }
  }

  #lineEnded(): void {
    if (this.#part === 'trailers') {
      if (this.#lineBytes === 0) this.#part = 'before';
    } else if (this.#left === 0) this.#part = 'trailers';
    else {
      this.#part = 'chunk';
      this.#left += headEnd.length / 2;
    }
    this.#lineBytes = 0;
  }
}

/** The longest beginning of `headEnd` with which the bytes end. A constant, so that the bytes need not be kept. */
function beginningAt(bytes: Buffer): Buffer {
  for (let length = headEnd.length - 1; length > 0; length -= 1) {
    const beginning = headEnd.subarray(0, length);
    if (bytes.subarray(-length).equals(beginning)) return beginning;
  }
  return nothing;
}

/** Of the hexadecimal digit. The parser refuses anything else, so its value does not matter, but none is below 0. */
function digitOf(byte: number): number {
  return Math.max(0, byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57);
}
