import { nameOf } from '../../domain/file-name.ts';

export const blockBytes = 512;
/** Many times the longest path. */
const extendedBytes = 1024 * 1024;

export type TarType = 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'other';

export interface TarEntry {
  /** As `nameOf` reads it, without slashes at its end. */
  readonly name: string;
  readonly type: TarType;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly linkTarget: string | null;
  readonly modifiedAt: Date;
  /** Its header as it came, with the extended headers before it. */
  readonly head: Buffer;
  /** Read it at once or not at all: the next entry skips the rest. */
  readonly content: AsyncIterable<Buffer>;
}

/**
 * The entries of a tar (POSIX.1-2001, and GNU's long names), with every name byte for byte. Reads what follows the end
 * too, so that its writer can end. Throws an Error for a damaged or truncated tar.
 */
export async function* readTar(tar: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const bytes = new Bytes(tar);
  try {
    for (;;) {
      const entry = await readHead(bytes);
      if (!entry) break;
      let left = entry.sizeBytes;
      const content = async function* () {
        while (left > 0) {
          const chunk = await bytes.some(left);
          left -= chunk.length;
          yield chunk;
        }
      };
      yield { ...entry, content: content() };
      while (left > 0) left -= (await bytes.some(left)).length;
      await bytes.exactly(paddingOf(entry.sizeBytes));
    }
    while (await bytes.more());
  } finally {
    await bytes.close();
  }
}

/** How many bytes follow a content of this size, up to the next block. */
export function paddingOf(sizeBytes: number): number {
  return (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
}

/** Null at the end of the tar. */
async function readHead(bytes: Bytes): Promise<Omit<TarEntry, 'content'> | null> {
  const blocks: Buffer[] = [];
  let path: Buffer | undefined;
  let linkPath: Buffer | undefined;
  let size: number | undefined;
  for (;;) {
    const block = await bytes.exactly(blockBytes);
    if (block.every((byte) => byte === 0)) return null;
    if (checksumOf(block) !== number(block, 148, 8)) throw new Error('A header of the tar is damaged.');
    blocks.push(block);
    const flag = String.fromCharCode(block[156] ?? 0);
    const own = number(block, 124, 12);
    if ('xgLK'.includes(flag)) {
      if (own > extendedBytes) throw new Error('A header of the tar is too long.');
      const data = await bytes.exactly(own + paddingOf(own));
      blocks.push(data);
      const value = data.subarray(0, own);
      if (flag === 'L') path = untilNul(value);
      else if (flag === 'K') linkPath = untilNul(value);
      else if (flag === 'x') {
        const records = recordsOf(value);
        path = records.get('path') ?? path;
        linkPath = records.get('linkpath') ?? linkPath;
        size = Number(records.get('size')?.toString() ?? size);
      }
      continue;
    }
    const name = nameOf(path ?? nameIn(block));
    const type = typeOf(flag, name);
    const isLink = type === 'link' || type === 'symlink';
    return {
      name: name.replace(/\/+$/, ''),
      type,
      mode: number(block, 100, 8),
      sizeBytes: type === 'file' || type === 'other' ? (size === undefined || Number.isNaN(size) ? own : size) : 0,
      modifiedAt: new Date(number(block, 136, 12) * 1000),
      linkTarget: isLink ? nameOf(linkPath ?? untilNul(block.subarray(157, 257))) : null,
      head: Buffer.concat(blocks),
    };
  }
}

function nameIn(block: Buffer): Buffer {
  const name = untilNul(block.subarray(0, 100));
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = untilNul(block.subarray(345, 500));
  return isUstar && prefix.length > 0 ? Buffer.concat([prefix, Buffer.from('/'), name]) : name;
}

function typeOf(flag: string, name: string): TarType {
  // Old tars have no type of folders.
  if (flag === '0' || flag === '\0' || flag === '7') return name.endsWith('/') ? 'directory' : 'file';
  const known: Readonly<Record<string, TarType>> = { '1': 'link', '2': 'symlink', '5': 'directory', '6': 'fifo' };
  return known[flag] ?? 'other';
}

function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** The records of an extended header: "LENGTH KEY=VALUE\n", where LENGTH counts the bytes of the whole record. */
function recordsOf(data: Buffer): ReadonlyMap<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < data.length; ) {
    const length = Number.parseInt(data.toString('latin1', at, at + 20), 10);
    const record = data.subarray(at, at + length);
    const [blank, equals] = [record.indexOf(' '), record.indexOf('=')];
    if (!(length > 4) || record.length < length || blank < 0 || equals < blank) {
      throw new Error('An extended header of the tar is damaged.');
    }
    records.set(record.toString('latin1', blank + 1, equals), record.subarray(equals + 1, length - 1));
    at += length;
  }
  return records;
}

/** A number in octal digits, or in GNU's binary form if its first bit is set. */
function number(block: Buffer, from: number, length: number): number {
  const field = block.subarray(from, from + length);
  if (((field[0] ?? 0) & 0x80) !== 0) return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
  const value = Number.parseInt(field.toString('latin1').trim() || '0', 8);
  return Number.isNaN(value) ? 0 : value;
}

/** The sum of the header's bytes, in which the field of the sum counts as spaces. */
export function checksumOf(block: Buffer): number {
  return block.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 0x20 : byte), 0);
}

/** Reads chunks in the sizes that its caller asks for. */
class Bytes {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #now: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Whether there is another chunk, which replaces what is left of the current one. */
  async more(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done) return false;
    this.#now = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    return true;
  }

  /** At least one byte and at most `most`. */
  async some(most: number): Promise<Buffer> {
    while (this.#now.length === 0) if (!(await this.more())) throw new Error('The tar is truncated.');
    const taken = this.#now.subarray(0, most);
    this.#now = this.#now.subarray(taken.length);
    return taken;
  }

  async exactly(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = count; left > 0; ) {
      const part = await this.some(left);
      parts.push(part);
      left -= part.length;
    }
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
