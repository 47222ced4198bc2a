import { Transform } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';

const blockBytes = 512;
/** Longer than any that a tar program writes: it says sizes, times and names. */
const longestRecord = 1024 * 1024;

/**
 * Follows a tar from header to header, to know whether it has come to its end: two blocks of zeros where a header could
 * be (POSIX.1-1988, ustar). Neither its length nor its last bytes tell, as a file may end in zeros, and tar programs take
 * a tar that was cut between two files for a whole one.
 */
export class TarEnd {
  #position = 0;
  #endAt: number | null = null;
  /** The block, or the extended header, that is being gathered. */
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #wanted = blockBytes;
  #gathers: 'header' | 'record' = 'header';
  #skip = 0;
  #zeroBlocks = 0;
  /** Of the next file, where its extended header says it: the header's own field ends at 8 GiB. */
  #size: number | null = null;

  /** The byte after the end's two blocks; null while it has not come. */
  get endAt(): number | null {
    return this.#endAt;
  }

  /** Throws `invalid_params` where a header should be and none is. */
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
    // What was gathered may be a part of a chunk that is used again.
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (this.#gathers === 'record') {
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
      this.#gathers = 'record';
      this.#wanted = padded(sizeBytes);
      return;
    }
    // Links, folders and devices have no content, whatever they say of a size.
    this.#skip = /[1-6]/.test(type) ? 0 : padded(this.#size ?? sizeBytes);
    // GNU's long names stand between an extended header and its file.
    if (!/[LKg]/.test(type)) this.#size = null;
  }
}

/** Passes a tar on, and fails at its end when it was cut. `of` is what it is a tar of, for the error's reader. */
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

/** The error for a source that failed; what `wholeTar` found is one already. */
export function brokenTar(of: string, error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PlatformError('invalid_params', `The tar of ${of} broke off: ${message}`, { cause: error });
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / blockBytes) * blockBytes;
}

/** Octal digits, or with the first bit set GNU's binary form. */
function number(block: Buffer, from: number, length: number): number {
  const field = block.subarray(from, from + length);
  if (((field[0] ?? 0) & 0x80) === 0)
    return Number.parseInt(field.toString('latin1').replace(/[\0 ].*$/s, '') || '0', 8);
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
}

/** The sum of the header's bytes, with spaces in the sum's own place. */
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
