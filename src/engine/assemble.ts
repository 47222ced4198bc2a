import { PlatformError } from '../domain/errors.ts';
import type { AssembledImage } from '../domain/images.ts';
import type { BlobCache } from './blob-cache.ts';
import type { Connection } from './connection.ts';
import type { DockerInfo } from './engine-info.ts';
import {
  type Descriptor,
  dockerArchive,
  type ImageArchive,
  type ImagePlan,
  ociLayout,
  type PlannedLayer,
  uncompressedLayer,
} from './image-archive.ts';
import { imagePath, splitTag } from './image-refs.ts';
import { type InspectedImage, toImageState } from './image-state.ts';
import { chainIds, type KnownImages, type KnownLayers } from './known-layers.ts';
import { loadImages } from './load-images.ts';

const loadDeadlineMs = 10 * 60_000;
/** Sending up to this many bytes costs less than a search in all images. */
const cheapBytes = 1024 * 1024;

interface Memory {
  readonly known: KnownLayers;
  readonly blobs: BlobCache;
}

/** Assembles images in the engine and sends only layers that it lacks (contracts/buildpacks.md §2.2a). */
export class Assembler {
  readonly #connection: Connection;
  readonly #info: () => Promise<DockerInfo>;
  readonly #known: KnownLayers;
  readonly #blobs: BlobCache;

  constructor(connection: Connection, info: () => Promise<DockerInfo>, { known, blobs }: Memory) {
    this.#connection = connection;
    this.#info = info;
    this.#known = known;
    this.#blobs = blobs;
  }

  async assemble(image: AssembledImage): Promise<string> {
    const [{ imageStore }, base] = await Promise.all([
      this.#info(),
      this.#inspect(image.base, `find the base image ${image.base}`),
    ]);
    const stack: Stack = { base, below: toImageState(base).diffIds, imageStore };
    try {
      return await this.#put(image, stack, await this.#cheapPlan(image, stack));
    } catch (error) {
      if (!isRefusedLoad(error)) throw error;
      // Garbage collection removed a layer between our look and the load. Look at all images, and send that layer too.
      return await this.#put(image, stack, await this.#plan(image, stack, await this.#known.all()));
    }
  }

  /** An image of one layer, without a base. */
  async root(
    layer: PlannedLayer & { readonly path: string },
    image: Pick<ImagePlan, 'tag' | 'config'>,
  ): Promise<string> {
    const { imageStore, architecture } = await this.#info();
    const descriptor = uncompressedLayer(layer.diffId, layer.sizeBytes);
    const plan: ImagePlan = { ...image, architecture, layers: [{ ...layer, descriptor }] };
    const archive = imageStore === 'containerd' ? ociLayout(plan) : dockerArchive(plan);
    await this.#load(archive, image.tag);
    await this.#remember(archive.imageId, plan, imageStore);
    return archive.imageId;
  }

  async #put(image: AssembledImage, { base, imageStore }: Stack, { layers, missing, images }: Plan): Promise<string> {
    if (missing !== null) {
      const words = `The engine lacks layer ${missing} of ${image.tag}, and it came without a file.`;
      throw new PlatformError('conflict', words);
    }
    const plan: ImagePlan = { architecture: base.Architecture, config: image.config, tag: image.tag, layers };
    const archive = imageStore === 'containerd' ? ociLayout(plan) : dockerArchive(plan);
    if (images.has(archive.imageId)) await this.#tag(archive.imageId, image.tag);
    else await this.#load(archive, image.tag);
    await this.#remember(archive.imageId, plan, imageStore);
    if (!(await this.#blobs.isProven(base.Id))) {
      await this.#prove(archive.imageId, plan, imageStore);
      await this.#blobs.setProven(base.Id);
    }
    return archive.imageId;
  }

  /** Looks in a few images that probably have the layers, and in all images if much data would have to be sent otherwise. */
  async #cheapPlan(image: AssembledImage, stack: Stack): Promise<Plan> {
    const plan = await this.#plan(image, stack, await this.#known.likely(image));
    const toSend = plan.layers.reduce((bytes, layer) => bytes + (layer.path === null ? 0 : layer.sizeBytes), 0);
    if (plan.missing === null && toSend <= cheapBytes) return plan;
    return this.#plan(image, stack, await this.#known.all());
  }

  async #plan(image: AssembledImage, stack: Stack, images: KnownImages): Promise<Plan> {
    const known =
      stack.imageStore === 'containerd' ? await this.#inContent(image, images) : inGraph(image, stack.below, images);
    const ofBase = stack.imageStore === 'containerd' ? await this.#known.blobsOf(stack.base.Id, stack.below) : [];
    const base = stack.below.map((diffId, index) => without(diffId, ofBase[index] ?? null));
    const own = image.layers.map((layer, index): PlannedLayer => {
      const found = known[index] ?? null;
      if (found !== null) return without(layer.diffId, found.blob);
      if (layer.path === null) return without(layer.diffId, null);
      return { ...layer, descriptor: uncompressedLayer(layer.diffId, layer.sizeBytes) };
    });
    const missing = image.layers.find((layer, index) => layer.path === null && known[index] === null);
    return { layers: [...base, ...own], missing: missing?.diffId ?? null, images };
  }

  /** The content store has a layer if it has its blob, in any image. */
  async #inContent(image: AssembledImage, images: KnownImages): Promise<readonly (LayerInEngine | null)[]> {
    const learned = await this.#known.learnedBlobs(images);
    const found: (LayerInEngine | null)[] = [];
    for (const layer of image.layers) {
      const blob =
        learned.get(layer.diffId) ?? (layer.path === null ? await this.#findBlob(layer.diffId, images) : null);
      found.push(blob === null ? null : { blob });
    }
    return found;
  }

  /** Finds blobs in images that we did not assemble, or whose blobs are no longer in the cache. */
  async #findBlob(diffId: string, images: KnownImages): Promise<Descriptor | null> {
    for (const [id, diffIds] of images) {
      const index = diffIds.indexOf(diffId);
      if (index !== -1) return (await this.#known.blobsOf(id, diffIds))[index] ?? null;
    }
    return null;
  }

  async #load(archive: ImageArchive, tag: string): Promise<void> {
    const tar = archive.open();
    const what = `load image ${tag}`;
    try {
      const { problem } = await loadImages(this.#connection, tar, { what, deadlineMs: loadDeadlineMs });
      if (problem !== null) throw new PlatformError('internal', `The engine could not ${what}: ${problem}`);
      await this.#inspect(archive.imageId, `find image ${tag} after loading it`);
    } finally {
      tar.destroy();
    }
  }

  /**
   * The graph store refuses a load with a missing layer, so its answer is proof. The containerd store can accept such a
   * load and keep an incomplete image. There the image is exported completely, once per base, and every blob is checked.
   */
  async #prove(imageId: string, { layers, tag }: ImagePlan, imageStore: DockerInfo['imageStore']): Promise<void> {
    let lacks: string | undefined;
    if (imageStore === 'containerd') {
      const { digests } = await this.#known.save(imageId);
      lacks = layers.map((layer) => descriptorOf(layer).digest).find((digest) => !digests.has(digest));
    } else {
      const { diffIds } = toImageState(await this.#inspect(imageId, `check image ${tag}`));
      lacks = layers.find((layer, index) => layer.diffId !== diffIds[index])?.diffId;
    }
    if (lacks === undefined) return;
    throw new PlatformError('internal', `Image ${tag} (${imageId}) is not whole: the engine lacks ${lacks}.`);
  }

  async #remember(imageId: string, { layers }: ImagePlan, imageStore: DockerInfo['imageStore']): Promise<void> {
    this.#known.remember(
      imageId,
      layers.map((layer) => layer.diffId),
    );
    if (imageStore === 'containerd') await this.#blobs.put(imageId, layers.map(descriptorOf));
  }

  async #tag(id: string, tag: string): Promise<void> {
    const what = `tag image ${tag}`;
    await this.#connection.request({ method: 'POST', path: imagePath(id, '/tag'), query: splitTag(tag), what });
  }

  #inspect(ref: string, what: string): Promise<InspectedImage> {
    return this.#connection.request<InspectedImage>({ method: 'GET', path: imagePath(ref, '/json'), what });
  }
}

interface Stack {
  readonly base: InspectedImage;
  readonly below: readonly string[];
  readonly imageStore: DockerInfo['imageStore'];
}

interface Plan {
  readonly layers: readonly PlannedLayer[];
  /** The error for a layer that neither the engine nor its sender has. */
  readonly missing: string | null;
  readonly images: KnownImages;
}

/** A layer that the engine has. In a content store, `blob` is its blob. */
interface LayerInEngine {
  readonly blob: Descriptor | null;
}

/** The graph store has a layer if an image has it above the same layers. */
function inGraph(
  image: AssembledImage,
  below: readonly string[],
  images: KnownImages,
): readonly (LayerInEngine | null)[] {
  const known = new Set([...images.values(), below].flatMap(chainIds));
  const chain = chainIds([...below, ...image.layers.map((layer) => layer.diffId)]);
  return image.layers.map((_layer, index) => (known.has(chain[below.length + index] ?? '') ? { blob: null } : null));
}

function without(diffId: string, descriptor: Descriptor | null): PlannedLayer {
  return { diffId, path: null, sizeBytes: 0, descriptor };
}

function descriptorOf(layer: PlannedLayer): Descriptor {
  return layer.descriptor ?? uncompressedLayer(layer.diffId, layer.sizeBytes);
}

function isRefusedLoad(error: unknown): boolean {
  return error instanceof PlatformError && error.code === 'internal';
}
