import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../domain/errors.ts';
import { writeAtomically } from './atomic-file.ts';
import type { Connection } from './connection.ts';
import { answered, toPlatformError } from './docker-errors.ts';
import { type Descriptor, hex } from './image-archive.ts';
import { imagePath } from './image-refs.ts';
import type { InspectedImage } from './image-state.ts';
import { readSavedImage, type SavedImage } from './saved-image.ts';

/** An image's layers never change, so what was learned of an id holds for as long as the image is there. */
export type KnownImages = ReadonlyMap<string, readonly string[]>;

const saveDeadlineMs = 10 * 60_000;

/** What the engine has already: layers by image, and in a content store the blob of each layer. */
export class KnownLayers {
  readonly #connection: Connection;
  readonly #directory: string | null;
  #images = new Map<string, readonly string[]>();
  readonly #descriptors = new Map<string, readonly Descriptor[]>();

  constructor(connection: Connection, cacheDir: string | null) {
    this.#connection = connection;
    this.#directory = cacheDir === null ? null : join(cacheDir, 'engine-images');
  }

  /** The diffIds of every image that is in the engine now. One call, and one more for each image not seen before. */
  async images(): Promise<KnownImages> {
    const listed = await this.#connection.request<readonly { readonly Id: string }[]>({
      method: 'GET',
      path: '/images/json',
      what: 'list images',
    });
    const images = new Map<string, readonly string[]>();
    await Promise.all(
      listed.map(async ({ Id: id }) => {
        const diffIds = this.#images.get(id) ?? (await this.#diffIds(id));
        if (diffIds !== null) images.set(id, diffIds);
      }),
    );
    this.#images = images;
    return images;
  }

  async #diffIds(id: string): Promise<readonly string[] | null> {
    try {
      const image = await this.#connection.request<InspectedImage>({
        method: 'GET',
        path: imagePath(id, '/json'),
        what: `inspect image ${id}`,
      });
      return image.RootFS.Layers ?? [];
    } catch (error) {
      if (answered(error, 404)) return null;
      throw error;
    }
  }

  /** The blobs of an image's layers if they were ever learned; null otherwise. Costs no call to the engine. */
  async remembered(imageId: string): Promise<readonly Descriptor[] | null> {
    const known = this.#descriptors.get(imageId);
    if (known !== undefined) return known;
    if (this.#directory === null) return null;
    try {
      const layers = JSON.parse(await readFile(this.#file(this.#directory, imageId), 'utf8')) as readonly Descriptor[];
      this.#descriptors.set(imageId, layers);
      return layers;
    } catch {
      return null;
    }
  }

  async remember(imageId: string, layers: readonly Descriptor[]): Promise<void> {
    this.#descriptors.set(imageId, layers);
    if (this.#directory === null) return;
    await mkdir(this.#directory, { recursive: true });
    await writeAtomically(this.#file(this.#directory, imageId), JSON.stringify(layers));
  }

  /** The blobs of an image's layers; the first time by having the engine write the whole image out, as no call tells them. */
  async descriptors(imageId: string, diffIds: readonly string[]): Promise<readonly Descriptor[]> {
    const known = await this.remembered(imageId);
    if (known !== null) return known;
    const layers = (await this.save(imageId)).layersOf(diffIds);
    if (layers === null) throw new PlatformError('internal', `Image ${imageId} has no manifest with its own layers.`);
    await this.remember(imageId, layers);
    return layers;
  }

  /** The whole image as the engine gives it out, read and not kept. */
  async save(imageId: string): Promise<SavedImage> {
    const what = `write out image ${imageId}`;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), saveDeadlineMs);
    try {
      const stream = await this.#connection.stream({
        method: 'GET',
        path: imagePath(imageId, '/get'),
        what,
        deadlineMs: saveDeadlineMs,
        signal: limit.signal,
      });
      return await readSavedImage(stream);
    } catch (error) {
      throw toPlatformError(error, { what, deadlineMs: saveDeadlineMs, timedOut: limit.signal.aborted });
    } finally {
      clearTimeout(timer);
    }
  }

  #file(directory: string, imageId: string): string {
    return join(directory, `${hex(imageId)}.json`);
  }
}

/** The graph store's name for a layer and all below it: SHA-256 of the chain below, a space and the diffId (OCI image spec, "ChainID"). */
export function chainIds(diffIds: readonly string[]): readonly string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(
      below === undefined ? diffId : `sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}`,
    );
  }
  return chain;
}
