import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { diskSpace, isOutOfRoom } from './disk-space.ts';

export interface DiskReserveOptions {
  readonly folder: string;
  /** 0: no reserve is kept, and one that is there is freed. */
  readonly bytes: number;
}

/**
 * Freed one by one, because whoever fills the disk may take what is freed. Files, because a disk may also be out of files
 * (inodes): each part gives one back.
 */
const parts = 16;
/** Only for starts, so that a running platform cannot use them up. */
const partsForStarts = 4;
const blockBytes = 1024 * 1024;
/** Less than this is a full disk: the store's log may grow by as much between two looks. */
const lowBytes = 2 * 1024 * 1024;
const lowFiles = 4;
const probeBytes = 256 * 1024;

/**
 * Space on the disk of PAAS_HOME that is freed when the disk is full, so that the platform can start and write to its
 * store although somebody else has filled it. It consists of files of random bytes: blocks that are really taken, also
 * where a file system compresses or leaves out zeros. Several processes may use it at once.
 */
export class DiskReserve {
  readonly #folder: string;
  readonly #bytes: number;

  constructor({ folder, bytes }: DiskReserveOptions) {
    this.#folder = folder;
    this.#bytes = bytes;
  }

  /** Whether the disk is so full that the next write may fail. */
  get isDiskLow(): boolean {
    const space = diskSpace(this.#folder) ?? diskSpace(join(this.#folder, '..'));
    return space !== null && (space.freeBytes < this.#lowBytes || space.freeFiles < lowFiles);
  }

  /** Frees parts while the disk is low. Returns the bytes freed. Costs two microseconds when it is not. Never throws. */
  makeRoom(use: 'run' | 'start'): number {
    return this.#freeWhile(() => this.isDiskLow, use);
  }

  /**
   * Makes room for a start: from the reserve, then by removing the caches, which are made again. Tries a write too,
   * because a quota, and what a file system keeps for itself, show only there. Returns the bytes freed of the reserve.
   * Never throws.
   */
  makeRoomForStart(caches: readonly string[]): number {
    const home = join(this.#folder, '..');
    const isFull = () => this.isDiskLow || isOutOfRoom(home, probeBytes);
    const freed = this.#freeWhile(isFull, 'start');
    if (isFull()) for (const cache of caches) removeIfPossible(cache);
    return freed;
  }

  #freeWhile(isFull: () => boolean, use: 'run' | 'start'): number {
    let freed = 0;
    while (isFull()) {
      const part = this.freePart(use);
      if (part === 0) break;
      freed += part;
    }
    return freed;
  }

  /** Frees one part whatever the disk says. Returns its bytes; 0 when none is left for this use. Never throws. */
  freePart(use: 'run' | 'start'): number {
    const names = this.#names();
    const last = names.length > (use === 'run' ? partsForStarts : 0) ? names.at(-1) : undefined;
    return last === undefined ? 0 : this.#remove(last);
  }

  /** Bytes that are there now. */
  get heldBytes(): number {
    return this.#names().reduce((sum, name) => sum + this.#sizeOf(name), 0);
  }

  /**
   * Makes the missing parts, when as much as the whole reserve stays free for others. Returns whether the reserve is
   * whole. Throws the file system's error.
   */
  async refill(signal: AbortSignal): Promise<boolean> {
    const wanted = this.#bytes === 0 ? [] : Array.from({ length: parts }, (_, index) => partName(index));
    for (const name of this.#names()) {
      if (!wanted.includes(name) || this.#sizeOf(name) !== this.#partBytes) this.#remove(name);
    }
    const missing = wanted.filter((name) => this.#sizeOf(name) !== this.#partBytes);
    if (missing.length === 0) return true;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const space = diskSpace(this.#folder);
    if (space && space.publicFreeBytes < missing.length * this.#partBytes + this.#bytes) return false;
    for (const name of missing) {
      signal.throwIfAborted();
      await this.#make(name);
    }
    return true;
  }

  get #partBytes(): number {
    return Math.floor(this.#bytes / parts);
  }

  /** A part must be able to lift the disk above it. */
  get #lowBytes(): number {
    return this.#bytes === 0 ? lowBytes : Math.min(lowBytes, this.#partBytes / 2);
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.#folder).sort();
    } catch {
      return [];
    }
  }

  #sizeOf(name: string): number {
    try {
      return statSync(join(this.#folder, name)).size;
    } catch {
      return 0;
    }
  }

  #remove(name: string): number {
    const bytes = this.#sizeOf(name);
    try {
      rmSync(join(this.#folder, name), { force: true });
      return bytes;
    } catch {
      return 0;
    }
  }

  async #make(name: string): Promise<void> {
    const path = join(this.#folder, name);
    const draft = `${path}.tmp`;
    const block = randomBytes(Math.min(blockBytes, this.#partBytes));
    try {
      const file = await open(draft, 'w', 0o600);
      try {
        for (let left = this.#partBytes; left > 0; left -= block.length)
          await file.writeFile(block.subarray(0, Math.min(left, block.length)));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }
}

function removeIfPossible(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // What cannot be removed stays a cache.
  }
}

function partName(index: number): string {
  return `part-${String(index).padStart(2, '0')}`;
}
