import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { WriteOptions } from './durable-file.ts';

/**
 * `writeWhole` for programs that have nothing else to do meanwhile. It loads only modules that they have loaded anyway.
 */
export function writeWholeSync(
  path: string,
  content: string,
  { durable = true }: Pick<WriteOptions, 'durable'> = {},
): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  rmSync(temporary, { force: true });
  try {
    const file = openSync(temporary, 'wx', 0o600);
    try {
      writeSync(file, content);
      if (durable) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (durable) syncFolder(dirname(path));
}

/**
 * Writes over a file in the blocks that it has, for a disk that has room for no other. A reader may find it half
 * written. Never throws.
 */
export function overwriteIfPossible(path: string, content: string): void {
  try {
    const file = openSync(path, 'r+');
    try {
      ftruncateSync(file, writeSync(file, content, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    // It stays as it was.
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
