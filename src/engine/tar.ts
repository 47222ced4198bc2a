import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';

export type TarEntry =
  | { readonly name: string; readonly content: Buffer }
  /** A file on disk, with exactly this size. */
  | { readonly name: string; readonly path: string; readonly sizeBytes: number };

const blockBytes = 512;
const mode = 0o644;

/**
 * A tar of plain files with short names, as an image archive needs. It is a generator, so that an error of any file becomes
 * the stream's error. The same entries give the same bytes.
 */
export function tarOf(entries: readonly TarEntry[]): Readable {
  return Readable.from(bytesOf(entries), { objectMode: false });
}

async function* bytesOf(entries: readonly TarEntry[]): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    const sizeBytes = 'content' in entry ? entry.content.length : entry.sizeBytes;
    yield header(entry.name, sizeBytes);
    if ('content' in entry) yield entry.content;
    else yield* fileBytes(entry.path, sizeBytes);
    const rest = sizeBytes % blockBytes;
    if (rest > 0) yield Buffer.alloc(blockBytes - rest);
  }
  yield Buffer.alloc(2 * blockBytes);
}

async function* fileBytes(path: string, sizeBytes: number): AsyncGenerator<Buffer> {
  let sent = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    sent += chunk.length;
    if (sent > sizeBytes) break;
    yield chunk;
  }
  if (sent !== sizeBytes) throw new PlatformError('internal', `${path} is not ${sizeBytes} bytes long, as declared.`);
}

/** A POSIX ustar header: numbers in octal; the checksum is computed with its own field as spaces. */
function header(name: string, sizeBytes: number): Buffer {
  if (Buffer.byteLength(name) > 100 || sizeBytes >= 8 ** 11) {
    throw new PlatformError('too_large', `${name} with ${sizeBytes} bytes does not fit into an image archive.`);
  }
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  block.write(name, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(sizeBytes, 11), 124);
  block.write(octal(0, 11), 136);
  block.write(' '.repeat(8), 148);
  block.write('0', 156);
  block.write('ustar\0' + '00', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}
