import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface WriteOptions {
  /** False for a cache: after a power cut the file may be empty, which its reader must treat as missing. */
  readonly durable?: boolean;
  /** Applied regardless of the umask. By default only the owner can read and write the file. */
  readonly mode?: number;
}

/**
 * Writes a file of the platform's own, and makes its folders. A reader finds the old content or the new, whole,
 * whatever happens in between.
 */
export async function writeWhole(
  path: string,
  content: string | Uint8Array | AsyncIterable<string>,
  { durable = true, mode = 0o600 }: WriteOptions = {},
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      if (mode !== 0o600) await file.chmod(mode);
      if (durable) await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  if (durable) await syncFolder(dirname(path));
}

/** Before this, a power cut may bring back the old file. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const warnEveryMs = 60_000;
let warnedMs = Number.NEGATIVE_INFINITY;

/**
 * `writeWhole` for a file that can be made again. A disk that does not take it ends nothing: the platform's log has a
 * warning, at most one a minute, and whoever needs the file makes it again.
 */
export async function writeCache(
  path: string,
  content: string | Uint8Array,
  { durable = false }: Pick<WriteOptions, 'durable'> = {},
): Promise<void> {
  try {
    await writeWhole(path, content, { durable });
  } catch (error) {
    const nowMs = performance.now();
    if (nowMs - warnedMs < warnEveryMs) return;
    warnedMs = nowMs;
    process.emitWarning(`${path} could not be written and will be made again: ${(error as Error).message}`);
  }
}
