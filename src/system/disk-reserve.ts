import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { diskSpace } from './disk-space.ts';

export interface DiskReserveOptions {
  readonly folder: string;
  /** 0: no reserve is kept, and one that is there is freed. */
  readonly bytes: number;
}

/** Small files, because a disk may also be out of files (inodes): each part gives one back. */
const parts = 16;
/** Freed together. The last of the four shares is only for starts, so that a running platform cannot use it up. */
const partsInShare = 4;
const blockBytes = 1024 * 1024;
/** Less than this is a full disk: the store's log may grow by as much between two looks. */
const lowBytes = 4 * 1024 * 1024;
const lowFiles = 16;

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

  /** Frees shares while the disk is low. Returns the bytes freed. Costs two microseconds when it is not. Never throws. */
  makeRoom(use: 'run' | 'start'): number {
    let freed = 0;
    while (this.isDiskLow) {
      const share = this.freeShare(use);
      if (share === 0) break;
      freed += share;
    }
    return freed;
  }

  /**
   * Frees one share whatever the disk says: quotas do not show there. Returns its bytes; 0 when none is left for this
   * use. Never throws.
   */
  freeShare(use: 'run' | 'start'): number {
    const names = this.#names();
    const kept = use === 'run' ? partsInShare : 0;
    let freed = 0;
    for (const name of names.slice(kept).slice(-partsInShare)) freed += this.#remove(name);
    return freed;
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

  /** A small reserve must be able to lift the disk above it. */
  get #lowBytes(): number {
    return this.#bytes === 0 ? lowBytes : Math.min(lowBytes, (this.#partBytes * partsInShare) / 2);
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

function partName(index: number): string {
  return `part-${String(index).padStart(2, '0')}`;
}
