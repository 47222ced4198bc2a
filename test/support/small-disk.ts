import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A file system in memory, of a fixed size and number of files, to be filled. Only root can make one. */
export class SmallDisk implements Disposable {
  readonly path: string;

  constructor(path: string, { bytes, files = 0 }: { readonly bytes: number; readonly files?: number }) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0711,nr_inodes=${files}`, 'tmpfs', path]);
  }

  /** Takes every byte that is left, and returns how many they were. May be called again. */
  fill(): number {
    const file = openSync(join(this.path, 'filling'), 'a', 0o600);
    let bytes = 0;
    try {
      for (const size of [1024 * 1024, 4096]) {
        const block = Buffer.alloc(size, 1);
        for (let taken = size; taken === size; bytes += taken) taken = writeIfPossible(file, block);
      }
      return bytes;
    } finally {
      closeSync(file);
    }
  }

  /** Takes every file (inode) that is left. */
  fillFiles(): void {
    mkdirSync(join(this.path, 'files'), { recursive: true });
    for (let number = 0; ; number += 1) {
      try {
        closeSync(openSync(join(this.path, 'files', `${process.hrtime.bigint()}-${number}`), 'wx'));
      } catch {
        return;
      }
    }
  }

  empty(): void {
    rmSync(join(this.path, 'filling'), { force: true });
    rmSync(join(this.path, 'files'), { recursive: true, force: true });
  }

  remount(option: 'ro' | 'rw'): void {
    execFileSync('mount', ['-o', `remount,${option}`, this.path]);
  }

  [Symbol.dispose](): void {
    execFileSync('umount', ['-l', this.path]);
  }
}

/** Unmounts what a killed test left mounted in a folder, so that the folder can be removed. */
export function unmountBelow(folder: string): void {
  const mounted = readFileSync('/proc/mounts', 'utf8').split('\n');
  for (const path of mounted.map((line) => line.split(' ')[1] ?? '').filter((one) => one.startsWith(`${folder}/`)))
    execFileSync('umount', ['-l', path]);
}

function writeIfPossible(file: number, block: Buffer): number {
  try {
    return writeSync(file, block);
  } catch {
    return 0;
  }
}
