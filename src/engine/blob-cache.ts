import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCache } from '../system/durable-file.ts';
import { type Descriptor, hex } from './image-archive.ts';

const blobsEnding = '.blobs.json';
const provenEnding = '.whole';

/**
 * Caches which blobs an image's layers are in a content store, and on which bases an assembled image was complete. Kept over
 * restarts, because finding this out makes the engine export an image, at 40 MB/s.
 */
export class BlobCache {
  readonly #directory: string | null;
  readonly #proven = new Set<string>();
  readonly #known = new Map<string, readonly Descriptor[]>();

  constructor(cacheDir: string | null) {
    this.#directory = cacheDir === null ? null : join(cacheDir, 'engine-images');
  }

  /** Null if it is not in the cache. */
  async get(imageId: string): Promise<readonly Descriptor[] | null> {
    const known = this.#known.get(imageId);
    if (known !== undefined || this.#directory === null) return known ?? null;
    try {
      const blobs = JSON.parse(await readFile(this.#file(this.#directory, imageId), 'utf8')) as readonly Descriptor[];
      this.#known.set(imageId, blobs);
      return blobs;
    } catch {
      return null;
    }
  }

  async put(imageId: string, blobs: readonly Descriptor[]): Promise<void> {
    this.#known.set(imageId, blobs);
    if (this.#directory !== null) {
      await writeCache(this.#file(this.#directory, imageId), JSON.stringify(blobs));
    }
  }

  async isProven(baseId: string): Promise<boolean> {
    if (this.#proven.has(baseId)) return true;
    if (this.#directory === null) return false;
    const found = await stat(join(this.#directory, `${hex(baseId)}${provenEnding}`)).catch(() => null);
    if (found !== null) this.#proven.add(baseId);
    return found !== null;
  }

  async setProven(baseId: string): Promise<void> {
    this.#proven.add(baseId);
    if (this.#directory !== null) {
      await writeCache(join(this.#directory, `${hex(baseId)}${provenEnding}`), '');
    }
  }

  /** Removes images that are gone. */
  async keepOnly(imageIds: ReadonlySet<string>): Promise<void> {
    for (const id of this.#known.keys()) if (!imageIds.has(id)) this.#known.delete(id);
    for (const id of this.#proven) if (!imageIds.has(id)) this.#proven.delete(id);
    if (this.#directory === null) return;
    const kept = new Set([...imageIds].flatMap((id) => [`${hex(id)}${blobsEnding}`, `${hex(id)}${provenEnding}`]));
    const files = await readdir(this.#directory).catch(() => []);
    for (const name of files) {
      const isOurs = name.endsWith(blobsEnding) || name.endsWith(provenEnding);
      if (isOurs && !kept.has(name)) await rm(join(this.#directory, name), { force: true });
    }
  }

  #file(directory: string, imageId: string): string {
    return join(directory, `${hex(imageId)}${blobsEnding}`);
  }
}
