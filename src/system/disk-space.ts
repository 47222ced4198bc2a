import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRoot } from './privileges.ts';

export interface DiskSpace {
  /** What this process can still write. Root may use the blocks that a file system keeps for it. */
  readonly freeBytes: number;
  /** What anybody can still write. */
  readonly publicFreeBytes: number;
  readonly totalBytes: number;
  /** Files (inodes) that can still be made. Infinite where the file system counts none. */
  readonly freeFiles: number;
  readonly totalFiles: number;
}

/** The space on the disk of a folder: two microseconds. Null when the file system does not tell. */
export function diskSpace(path: string): DiskSpace | null {
  try {
    const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(path);
    return {
      freeBytes: (isRoot() ? Math.max(bavail, bfree - unusableBlocks(blocks)) : bavail) * bsize,
      publicFreeBytes: bavail * bsize,
      totalBytes: blocks * bsize,
      freeFiles: files === 0 ? Number.POSITIVE_INFINITY : ffree,
      totalFiles: files,
    };
  } catch {
    return null;
  }
}

/** Blocks that ext4 counts as free and keeps for its own tables: 2 %, and at most 4096 (`reserved_clusters`, ext4(5)). */
function unusableBlocks(blocks: number): number {
  return Math.min(4096, Math.ceil(blocks / 50));
}

/** Whether a file of this size can no longer be made in the folder: a full disk, no inode left, or a quota. */
export function isOutOfRoom(folder: string, bytes = 4096): boolean {
  const path = join(folder, `.room.${process.pid}`);
  try {
    writeFileSync(path, Buffer.alloc(bytes, 1), { mode: 0o600 });
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOSPC' || code === 'EDQUOT';
  } finally {
    removeIfPossible(path);
  }
}

function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A file system that takes nothing has no such file either.
  }
}

/** What is free, for a person: "12 KiB free, of 47 MiB"; with too few files also "0 of 4,096 files (inodes) free". */
export function spaceInWords(path: string): string {
  const space = diskSpace(path);
  if (!space) return 'how much is free cannot be read';
  const files =
    space.freeFiles < 100
      ? `; ${space.freeFiles.toLocaleString('en-US')} of ${space.totalFiles.toLocaleString('en-US')} files (inodes) free`
      : '';
  return `${bytesInWords(space.freeBytes)} of ${bytesInWords(space.totalBytes)} free${files}`;
}

export function bytesInWords(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'] as const;
  const power = Math.min(units.length - 1, bytes < 1024 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** power;
  return `${amount < 10 && power > 0 ? amount.toFixed(1) : Math.floor(amount)} ${units[power]}`;
}
