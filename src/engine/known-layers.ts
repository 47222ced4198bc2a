import { createHash } from 'node:crypto';
import { PlatformError } from '../domain/errors.ts';
import type { AssembledImage } from '../domain/images.ts';
import type { BlobCache } from './blob-cache.ts';
import type { Connection } from './connection.ts';
import { answered, toPlatformError } from './docker-errors.ts';
import type { Descriptor } from './image-archive.ts';
import { imagePath } from './image-refs.ts';
import type { InspectedImage } from './image-state.ts';
import { readSavedImage, type SavedImage } from './saved-image.ts';

/** The layers (diffIds, base first) of the images in the engine, by image id. */
export type KnownImages = ReadonlyMap<string, readonly string[]>;

const saveDeadlineMs = 10 * 60_000;
const remembered = 500;
/** How many images that share a layer with the new one are inspected. */
const likelyImages = 4;

/** The layers that the engine has, by image, and in a content store the blob of each layer. */
export class KnownLayers {
  readonly #connection: Connection;
  readonly #blobs: BlobCache;
  /** Newest last. Entries stay valid while the image exists, because its layers never change. */
  readonly #layers = new Map<string, readonly string[]>();

  constructor(connection: Connection, blobs: BlobCache) {
    this.#connection = connection;
    this.#blobs = blobs;
  }

  /**
   * Images that probably have this image's layers: the one with its tag, and those assembled last. This takes a few calls
   * of some milliseconds. Listing all images takes a containerd store 8 ms per image.
   */
  async likely(image: AssembledImage): Promise<KnownImages> {
    const wanted = new Set(image.layers.map((layer) => layer.diffId));
    const shared = [...this.#layers].filter(([, diffIds]) => diffIds.some((diffId) => wanted.has(diffId)));
    const refs = [image.tag, ...shared.slice(-likelyImages).map(([id]) => id)];
    return this.#present(refs);
  }

  /** Every image that is in the engine. */
  async all(): Promise<KnownImages> {
    const listed = await this.#connection.request<readonly { readonly Id: string }[]>({
      method: 'GET',
      path: '/images/json',
      what: 'list images',
    });
    const ids = listed.map((image) => image.Id);
    const known = ids.flatMap((id) => {
      const diffIds = this.#layers.get(id);
      return diffIds === undefined ? [] : [[id, diffIds] as const];
    });
    const images = new Map([...known, ...(await this.#present(ids.filter((id) => !this.#layers.has(id))))]);
    this.#layers.clear();
    for (const [id, diffIds] of images) this.remember(id, diffIds);
    await this.#blobs.keepOnly(new Set(ids));
    return images;
  }

  remember(imageId: string, diffIds: readonly string[]): void {
    this.#layers.delete(imageId);
    this.#layers.set(imageId, diffIds);
    const oldest = this.#layers.keys().next().value;
    if (this.#layers.size > remembered && oldest !== undefined) this.#layers.delete(oldest);
  }

  async #present(refs: readonly string[]): Promise<KnownImages> {
    const images = await Promise.all(refs.map((ref) => this.#inspect(ref)));
    return new Map(images.filter((image) => image !== null).map((image) => [image.Id, image.RootFS.Layers ?? []]));
  }

  async #inspect(ref: string): Promise<InspectedImage | null> {
    const what = `inspect image ${ref}`;
    try {
      return await this.#connection.request<InspectedImage>({ method: 'GET', path: imagePath(ref, '/json'), what });
    } catch (error) {
      if (answered(error, 404)) return null;
      throw error;
    }
  }

  /** The blobs of an image's layers. The first time the engine exports the whole image, because no call lists the blobs. */
  async blobsOf(imageId: string, diffIds: readonly string[]): Promise<readonly Descriptor[]> {
    const known = await this.#blobs.get(imageId);
    if (known !== null) return known;
    const layers = (await this.save(imageId)).layersOf(diffIds);
    if (layers === null) throw new PlatformError('internal', `Image ${imageId} has no manifest with its own layers.`);
    await this.#blobs.put(imageId, layers);
    return layers;
  }

  /** The blobs of these images' layers by diffId, from the cache only. */
  async learnedBlobs(images: KnownImages): Promise<ReadonlyMap<string, Descriptor>> {
    const blobs = new Map<string, Descriptor>();
    for (const [id, diffIds] of images) {
      for (const [index, blob] of ((await this.#blobs.get(id)) ?? []).entries()) blobs.set(diffIds[index] ?? '', blob);
    }
    return blobs;
  }

  /** Reads the whole image from the engine, without keeping it. */
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
}

/** The graph store's name of a layer together with all layers below it: SHA-256 of the chain below, a space and the diffId (OCI image spec, "ChainID"). */
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
