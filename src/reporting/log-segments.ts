import { appendFile, mkdir, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bytesInWords, diskSpace } from '../system/disk-space.ts';

interface Segment {
  readonly number: number;
  bytes: number;
}

/** The segments on the disk at one moment, to be read while more is written. */
export interface SegmentsSnapshot {
  /** True when lines were removed to keep the cap. */
  readonly forgot: boolean;
  /** Oldest first. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}

export interface LogBounds {
  readonly capBytes: number;
  /** Nothing is written while less than this is free on the disk. */
  readonly keptFreeBytes: number;
}

const segmentsPerLog = 8;
const blockBytes = 64 * 1024;
const segmentName = /^(\d{10})\.log$/;

/**
 * An app's log on the disk: numbered files of an eighth of the cap each. The newest is appended to. When all together
 * would pass the cap, the oldest is removed. One `append` at a time.
 */
export class LogSegments {
  readonly #directory: string;
  readonly #capBytes: number;
  readonly #keptFreeBytes: number;
  readonly #segments: Segment[] = [];
  /** The file may end in the middle of a line: after a crash, or a disk that became full. */
  #torn = false;

  constructor(directory: string, { capBytes, keptFreeBytes }: LogBounds) {
    this.#directory = directory;
    this.#capBytes = capBytes;
    this.#keptFreeBytes = keptFreeBytes;
  }

  /** Most bytes that one `append` should write. */
  get segmentBytes(): number {
    return Math.max(1024, Math.floor(this.#capBytes / segmentsPerLog));
  }

  /** Finds the files on the disk. To be called before anything else, and again only when it failed. */
  async load(): Promise<void> {
    this.#segments.length = 0;
    const names = await readdir(this.#directory).catch(ignoreMissing);
    for (const name of (names ?? []).sort()) {
      const number = Number(segmentName.exec(name)?.[1] ?? Number.NaN);
      if (Number.isNaN(number)) continue;
      this.#segments.push({ number, bytes: (await stat(join(this.#directory, name))).size });
    }
    this.#torn = this.#segments.length > 0;
  }

  /**
   * `onWritten` is called at the moment from which a snapshot has the text. Throws the file system's error when the
   * disk takes no more. Nothing of the text is in the log then.
   */
  async append(text: string, onWritten: () => void): Promise<void> {
    this.#requireSpace();
    const bytes = Buffer.from(this.#torn ? `\n${text}` : text);
    const segment = this.#segmentFor(bytes.length);
    await this.#makeRoom(bytes.length);
    try {
      await this.#write(segment, bytes);
    } catch (error) {
      this.#torn ||= await truncate(this.#path(segment), segment.bytes).then(
        () => false,
        () => segment.bytes > 0,
      );
      throw error;
    }
    segment.bytes += bytes.length;
    this.#torn = false;
    onWritten();
  }

  #requireSpace(): void {
    if (this.#keptFreeBytes === 0) return;
    const space = diskSpace(this.#directory) ?? diskSpace(dirname(this.#directory));
    if (space === null || space.freeBytes >= this.#keptFreeBytes) return;
    throw Object.assign(new Error(`Only ${bytesInWords(space.freeBytes)} are free on the disk.`), { code: 'ENOSPC' });
  }

  snapshot(): SegmentsSnapshot {
    return {
      forgot: (this.#segments[0]?.number ?? 1) > 1,
      files: this.#segments.map((segment) => ({ path: this.#path(segment), bytes: segment.bytes })),
    };
  }

  #segmentFor(bytes: number): Segment {
    const newest = this.#segments.at(-1);
    if (newest && (newest.bytes === 0 || newest.bytes + bytes <= this.segmentBytes)) return newest;
    const segment = { number: (newest?.number ?? 0) + 1, bytes: 0 };
    this.#segments.push(segment);
    return segment;
  }

  async #makeRoom(bytes: number): Promise<void> {
    let total = this.#segments.reduce((sum, segment) => sum + segment.bytes, bytes);
    while (total > this.#capBytes && this.#segments.length > 1) {
      const oldest = this.#segments.shift() as Segment;
      total -= oldest.bytes;
      await rm(this.#path(oldest), { force: true });
    }
  }

  async #write(segment: Segment, bytes: Buffer): Promise<void> {
    const path = this.#path(segment);
    try {
      await appendFile(path, bytes, { mode: 0o600 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await appendFile(path, bytes, { mode: 0o600 });
    }
  }

  #path({ number }: Segment): string {
    return join(this.#directory, `${String(number).padStart(10, '0')}.log`);
  }
}

/** The lines of a snapshot in blocks, the newest block first, each of whole lines in their order. */
export async function* blocksBackwards(snapshot: SegmentsSnapshot): AsyncGenerator<Buffer> {
  for (const { path, bytes } of snapshot.files.toReversed()) {
    const file = await open(path, 'r').catch(ignoreMissing);
    // Removed since the snapshot: it was the oldest file then, and so everything before it is gone too.
    if (!file) return;
    try {
      let end = bytes;
      let carry: Buffer = Buffer.alloc(0);
      while (end > 0) {
        const start = Math.max(0, end - blockBytes);
        const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
        const block = Buffer.concat([buffer.subarray(0, bytesRead), carry]);
        end = start;
        const cut = start === 0 ? -1 : block.indexOf(0x0a);
        carry = cut === -1 ? (start === 0 ? Buffer.alloc(0) : block) : block.subarray(0, cut + 1);
        if (start === 0) yield block;
        else if (cut !== -1) yield block.subarray(cut + 1);
      }
    } finally {
      await file.close();
    }
  }
}

/** The first line of a snapshot; empty when there is none. */
export async function firstLine({ files }: SegmentsSnapshot): Promise<string> {
  const file = files[0] ? await open(files[0].path, 'r').catch(ignoreMissing) : null;
  if (!file) return '';
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(blockBytes), 0, blockBytes, 0);
    return buffer.toString('utf8', 0, bytesRead).split('\n', 1)[0] ?? '';
  } finally {
    await file.close();
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
