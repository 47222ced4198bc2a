import { fieldsOf, linesOf, MalformedAnswer } from './answer-fields.ts';

type Part = 'size' | 'data' | 'data-end' | 'trailers' | 'over';

/** Of a chunk's first line, with its extensions. */
const maxLineLength = 16_384;

/** A number of so many is safe. */
const maxQuickDigits = 12;

/**
 * Reads a body in chunks (RFC 9112 7.1) that comes in pieces. Lines may end with a line feed alone, blanks may follow a
 * size, and extensions are dropped. Throws `MalformedAnswer`.
 */
export class ChunkReader {
  readonly #maxTrailerLength: number;
  readonly #body: (bytes: Buffer) => void;
  #part: Part = 'size';
  #left = 0;
  #line = '';
  #trailers = '';

  constructor(maxTrailerLength: number, body: (bytes: Buffer) => void) {
    this.#maxTrailerLength = maxTrailerLength;
    this.#body = body;
  }

  /** Names and values alternate. */
  get trailers(): readonly string[] {
    return fieldsOf(linesOf(this.#trailers), 0);
  }

  /** Whether the last chunk has come. Only trailers may be missing then, and they are optional. */
  get hasWholeBody(): boolean {
    return this.#part === 'trailers' || this.#part === 'over';
  }

  /** Reads the bytes from `from` on. The number of bytes up to the end of the body, or null when it goes on. */
  push(bytes: Buffer, from: number): number | null {
    let at = from;
    while (at < bytes.length) {
      at =
        this.#part === 'data' ? this.#readData(bytes, at) : (this.#readQuickly(bytes, at) ?? this.#readLine(bytes, at));
      if (this.#part === 'over') return at;
    }
    return null;
  }

  #readData(bytes: Buffer, from: number): number {
    const end = Math.min(bytes.length, from + this.#left);
    this.#left -= end - from;
    if (this.#left === 0) this.#part = 'data-end';
    this.#body(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end));
    return end;
  }

  /** Reads a line between chunks that is whole and plain, as most are, without making a text of it. Null for any other. */
  #readQuickly(bytes: Buffer, from: number): number | null {
    if (this.#line !== '') return null;
    if (this.#part === 'data-end') {
      if (bytes[from] !== 0x0d || bytes[from + 1] !== 0x0a) return null;
      this.#part = 'size';
      return from + 2;
    }
    if (this.#part !== 'size') return null;
    let size = 0;
    let at = from;
    for (; at < from + maxQuickDigits; at += 1) {
      const digit = digitOf(bytes[at] ?? 0);
      if (digit === null) break;
      size = size * 16 + digit;
    }
    if (at === from || bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) return null;
    this.#left = size;
    this.#part = size === 0 ? 'trailers' : 'data';
    return at + 2;
  }

  #readLine(bytes: Buffer, from: number): number {
    const end = bytes.indexOf(0x0a, from);
    const text = bytes.toString('latin1', from, end === -1 ? bytes.length : end);
    const line = this.#line === '' ? text : this.#line + text;
    this.#checkLength(line);
    if (end === -1) {
      this.#line = line;
      return bytes.length;
    }
    this.#line = '';
    this.#take(line.endsWith('\r') ? line.slice(0, -1) : line);
    return end + 1;
  }

  #checkLength(line: string): void {
    const limit = this.#maxTrailerLength;
    if (this.#part === 'trailers' && this.#trailers.length + line.length > limit)
      throw new MalformedAnswer(`trailers of more than ${limit} bytes (PAAS_ANSWER_HEAD_KIB)`);
    if (this.#part !== 'trailers' && line.length > maxLineLength)
      throw new MalformedAnswer(`a line of more than ${maxLineLength} bytes between chunks`);
  }

  #take(line: string): void {
    if (this.#part === 'size') this.#begin(line);
    else if (this.#part === 'data-end') {
      if (line !== '') throw new MalformedAnswer('a chunk that is longer than its size (RFC 9112 7.1)');
      this.#part = 'size';
    } else if (line === '') this.#part = 'over';
    else this.#trailers += `${line}\n`;
  }

  #begin(line: string): void {
    const [, size] = /^([0-9a-f]+)[ \t]*(?:;.*)?$/i.exec(line) ?? [];
    if (size === undefined) throw new MalformedAnswer('a chunk whose size is no number (RFC 9112 7.1)');
    this.#left = Number.parseInt(size, 16);
    if (this.#left > Number.MAX_SAFE_INTEGER) throw new MalformedAnswer('a chunk that is too large (RFC 9112 7.1)');
    this.#part = this.#left === 0 ? 'trailers' : 'data';
  }
}

function digitOf(byte: number): number | null {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : null;
}
