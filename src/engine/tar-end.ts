import { Transform } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';

const blockBytes = 512;
/** Longer than any extended header of a tar program, which has sizes, times and names. */
const longestRecord = 1024 * 1024;

/**
 * Follows a tar from header to header, to detect its end: two blocks of zeros where a header could be (POSIX.1-1988,
 * ustar). Its length and its last bytes are no proof, because a file may end in zeros, and tar programs accept a tar that
 * was truncated between two files.
 */
export class TarEnd {
  #position = 0;
  #endAt: number | null = null;
  /** Whether it collects the bytes of a header or of an extended header. */
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #wanted = blockBytes;
  #gathers: 'header' | 'extended' = 'header';
  #skip = 0;
  #zeroBlocks = 0;
  /** Size of the next file from its extended header. The header's own field ends at 8 GiB. */
  #size: number | null = null;

  /** The position after the two blocks of the end. Null until then. */
  get endAt(): number | null {
    return this.#endAt;
  }

  /** Throws `invalid_params` if a header is missing where one must be. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#endAt === null) {
      const skipped = Math.min(this.#skip, chunk.length - at);
      this.#skip -= skipped;
      at += skipped;
      const taken = chunk.subarray(at, at + (this.#skip > 0 ? 0 : this.#wanted - this.#gatheredBytes));
      if (taken.length === 0) continue;
      at += taken.length;
      this.#gathered.push(taken);
      this.#gatheredBytes += taken.length;
      if (this.#gatheredBytes === this.#wanted) this.#whole(Buffer.concat(this.#gathered), this.#position + at);
    }
    this.#position += chunk.length;
  }

  #whole(bytes: Buffer, endsAt: number): void {
    // Copy the collected bytes, because the chunk's memory may be reused.
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (this.#gathers === 'extended') {
      this.#size = recordedSize(bytes) ?? this.#size;
      this.#gathers = 'header';
      this.#wanted = blockBytes;
      return;
    }
    if (bytes.every((byte) => byte === 0)) {
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks === 2) this.#endAt = endsAt;
      return;
    }
    this.#zeroBlocks = 0;
    this.#header(bytes);
  }

  #header(block: Buffer): void {
    if (checksumOf(block) !== number(block, 148, 8)) throw broken('a header is damaged');
    const type = String.fromCharCode(block[156] ?? 0);
    const sizeBytes = number(block, 124, 12);
    if (type === 'S') throw broken('it has sparse files of the old GNU form');
    if (type === 'x') {
      if (sizeBytes === 0 || sizeBytes > longestRecord) throw broken(`an extended header has ${sizeBytes} bytes`);
      this.#gathers = 'extended';
      this.#wanted = padded(sizeBytes);
      return;
    }
    // Links, folders and devices have no content, even if their header has a size.
    this.#skip = /[1-6]/.test(type) ? 0 : padded(this.#size ?? sizeBytes);
    // GNU's long names stand between an extended header and its file.
    if (!/[LKg]/.test(type)) this.#size = null;
  }
}

/** Passes a tar on, and fails at its end if the tar is truncated. `of` names the tar's content, for the error message. */
export function wholeTar(of: string, end = new TarEnd()): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        end.push(chunk);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done) {
      if (end.endAt !== null) return done();
      done(new PlatformError('invalid_params', `The tar of ${of} was cut short: its end is missing.`));
    },
  });
}

/** The error for a source that failed. Errors of `wholeTar` are returned unchanged. */
export function brokenTar(of: string, error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PlatformError('invalid_params', `The tar of ${of} broke off: ${message}`, { cause: error });
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / blockBytes) * blockBytes;
}

/** A number in octal digits, or in GNU's binary form if its first bit is set. */
function number(block: Buffer, from: number, length: number): number {
  const field = block.subarray(from, from + length);
  if (((field[0] ?? 0) & 0x80) === 0)
    return Number.parseInt(field.toString('latin1').replace(/[\0 ].*$/s, '') || '0', 8);
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
}

/** The sum of the header's bytes, in which the field of the sum counts as spaces. */
function checksumOf(block: Buffer): number {
  return block.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 0x20 : byte), 0);
}

/** `size` of a pax header, whose lines are "LENGTH NAME=VALUE\n". */
function recordedSize(record: Buffer): number | null {
  const size = /(?:^|\n)\d+ size=(\d+)\n/.exec(record.toString('latin1'))?.[1];
  return size === undefined ? null : Number(size);
}

function broken(why: string): PlatformError {
  return new PlatformError('invalid_params', `The tar cannot be used: ${why}.`);
}
