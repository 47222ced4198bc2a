import type { AssembledImage } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
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

const loadDeadlineMs = 10 * 60_000;

/** Puts images together in the engine, sending only layers that it lacks (contracts/buildpacks.md §2.2a). */
export class Assembler {
  readonly #connection: Connection;
  readonly #info: () => Promise<DockerInfo>;
  readonly #known: KnownLayers;
  /** Bases on which an image of ours was seen to be whole. */
  readonly #proven = new Set<string>();

  constructor(connection: Connection, info: () => Promise<DockerInfo>, known: KnownLayers) {
    this.#connection = connection;
    this.#info = info;
    this.#known = known;
  }

  async assemble(image: AssembledImage): Promise<string> {
    try {
      return await this.#attempt(image);
    } catch (error) {
      // A layer may have gone between our look and the load (garbage collection): look again, and send that one too.
      if (!(error instanceof PlatformError) || error.code !== 'internal') throw error;
      return await this.#attempt(image);
    }
  }

  /** One layer on nothing. */
  async root(
    layer: PlannedLayer & { readonly path: string },
    image: Pick<ImagePlan, 'tag' | 'config'>,
  ): Promise<string> {
    const { imageStore, architecture } = await this.#info();
    const descriptor = uncompressedLayer(layer.diffId, layer.sizeBytes);
    const plan: ImagePlan = { ...image, architecture, layers: [{ ...layer, descriptor }] };
    const archive = imageStore === 'containerd' ? ociLayout(plan) : dockerArchive(plan);
    await this.#load(archive, image.tag);
    if (imageStore === 'containerd') await this.#known.remember(archive.imageId, [descriptor]);
    return archive.imageId;
  }

  async #attempt(image: AssembledImage): Promise<string> {
    const [{ imageStore }, base, images] = await Promise.all([
      this.#info(),
      this.#inspect(image.base, `find the base image ${image.base}`),
      this.#known.images(),
    ]);
    const stack = { base, diffIds: toImageState(base).diffIds, images };
    const layers =
      imageStore === 'containerd' ? await this.#contentLayers(image, stack) : this.#graphLayers(image, stack);
    const plan: ImagePlan = { architecture: base.Architecture, config: image.config, tag: image.tag, layers };
    const archive = imageStore === 'containerd' ? ociLayout(plan) : dockerArchive(plan);
    if (images.has(archive.imageId)) await this.#tag(archive.imageId, image.tag);
    else await this.#load(archive, image.tag);
    if (imageStore === 'containerd') await this.#known.remember(archive.imageId, layers.map(descriptorOf));
    if (!this.#proven.has(base.Id)) {
      await this.#prove(archive.imageId, { imageStore, layers });
      this.#proven.add(base.Id);
    }
    return archive.imageId;
  }

  /** The graph store has a layer when some image has it at the same place of the same chain. */
  #graphLayers(image: AssembledImage, { diffIds: below, images }: Stack): readonly PlannedLayer[] {
    const known = new Set([...images.values(), below].flatMap(chainIds));
    const chain = chainIds([...below, ...image.layers.map((layer) => layer.diffId)]);
    const own = image.layers.map((layer, index) => {
      if (known.has(chain[below.length + index] ?? '')) return without(layer.diffId);
      return withFile(layer, image);
    });
    return [...below.map(without), ...own];
  }

  /** The content store has a layer when it has its blob, in whatever image. */
  async #contentLayers(
    image: AssembledImage,
    { base, diffIds: below, images }: Stack,
  ): Promise<readonly PlannedLayer[]> {
    const ofBase = await this.#known.descriptors(base.Id, below);
    const blobs = new Map<string, Descriptor>();
    for (const [id, diffIds] of images) {
      const descriptors = await this.#known.remembered(id);
      for (const [index, descriptor] of (descriptors ?? []).entries()) blobs.set(diffIds[index] ?? '', descriptor);
    }
    const own = await Promise.all(
      image.layers.map(async (layer): Promise<PlannedLayer> => {
        const blob =
          blobs.get(layer.diffId) ?? (layer.path === null ? await this.#findBlob(layer.diffId, images) : null);
        if (blob !== null) return { ...without(layer.diffId), descriptor: blob };
        const file = withFile(layer, image);
        return { ...file, descriptor: uncompressedLayer(file.diffId, file.sizeBytes) };
      }),
    );
    return [...below.map((diffId, index) => ({ ...without(diffId), descriptor: ofBase[index] ?? null })), ...own];
  }

  /** In an image that we did not assemble, or whose layers we have forgotten. */
  async #findBlob(diffId: string, images: KnownImages): Promise<Descriptor | null> {
    for (const [id, diffIds] of images) {
      const index = diffIds.indexOf(diffId);
      if (index !== -1) return (await this.#known.descriptors(id, diffIds))[index] ?? null;
    }
    return null;
  }

  async #load(archive: ImageArchive, tag: string): Promise<void> {
    const tar = archive.open();
    const what = `load image ${tag}`;
    try {
      const answer = await this.#connection.request<unknown>({
        method: 'POST',
        path: '/images/load',
        query: { quiet: true },
        tar,
        what,
        deadlineMs: loadDeadlineMs,
      });
      // A failure after the engine has begun to answer comes as a line of the answer.
      const said = Buffer.isBuffer(answer) ? answer.toString('utf8') : JSON.stringify(answer);
      const problem = /"errorDetail":\{.*?"message":"(.*?)"\}/.exec(said)?.[1];
      if (problem !== undefined) throw new PlatformError('internal', `The engine could not ${what}: ${problem}`);
      await this.#inspect(archive.imageId, `find image ${tag} after loading it`);
    } finally {
      tar.destroy();
    }
  }

  /**
   * The graph store refuses a load with a missing layer, so there the engine's own account is proof. The containerd
   * store can accept one and keep a hollow image: there it is written out whole, once per base, and every blob counted.
   */
  async #prove(imageId: string, { imageStore, layers }: Assembled): Promise<void> {
    if (imageStore === 'containerd') {
      const { digests } = await this.#known.save(imageId);
      const missing = layers.map(descriptorOf).filter((descriptor) => !digests.has(descriptor.digest));
      if (missing.length === 0) return;
      throw new PlatformError('conflict', `Image ${imageId} is not whole: the engine lacks ${missing[0]?.digest}.`);
    }
    const { diffIds } = toImageState(await this.#inspect(imageId, `check image ${imageId}`));
    if (diffIds.length === layers.length && diffIds.every((diffId, index) => diffId === layers[index]?.diffId)) return;
    throw new PlatformError('conflict', `Image ${imageId} is not whole: it has other layers than it was made of.`);
  }

  async #tag(id: string, tag: string): Promise<void> {
    await this.#connection.request({
      method: 'POST',
      path: imagePath(id, '/tag'),
      query: splitTag(tag),
      what: `tag image ${tag}`,
    });
  }

  #inspect(ref: string, what: string): Promise<InspectedImage> {
    return this.#connection.request<InspectedImage>({ method: 'GET', path: imagePath(ref, '/json'), what });
  }
}

interface Stack {
  readonly base: InspectedImage;
  readonly diffIds: readonly string[];
  readonly images: KnownImages;
}

interface Assembled {
  readonly imageStore: DockerInfo['imageStore'];
  readonly layers: readonly PlannedLayer[];
}

function without(diffId: string): PlannedLayer {
  return { diffId, path: null, sizeBytes: 0, descriptor: null };
}

function withFile(
  layer: AssembledImage['layers'][number],
  image: AssembledImage,
): PlannedLayer & { readonly path: string } {
  if (layer.path === null) {
    throw new PlatformError(
      'conflict',
      `The engine does not have layer ${layer.diffId} of ${image.tag}, and it came without its file.`,
    );
  }
  return { diffId: layer.diffId, path: layer.path, sizeBytes: layer.sizeBytes, descriptor: null };
}

function descriptorOf(layer: PlannedLayer): Descriptor {
  return layer.descriptor ?? uncompressedLayer(layer.diffId, layer.sizeBytes);
}
