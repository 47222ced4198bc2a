import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { ImageConfig } from '../domain/images.ts';
import { toWireConfig } from './image-state.ts';
import { type TarEntry, tarOf } from './tar.ts';

/** A blob of an image by the digest of its bytes (OCI image spec, "Descriptor"). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** An image to be written: all its layers, base first. */
export interface ImagePlan {
  readonly architecture: string;
  readonly config: ImageConfig;
  readonly tag: string;
  readonly layers: readonly PlannedLayer[];
}

export interface PlannedLayer {
  readonly diffId: string;
  /** The tar to send. Null if the engine has the layer. */
  readonly path: string | null;
  readonly sizeBytes: number;
  /** Its blob in a content store. Null in the graph store. */
  readonly descriptor: Descriptor | null;
}

/** The body of `POST /images/load`, and the id that the engine will give the image. */
export interface ImageArchive {
  readonly imageId: string;
  /** Makes a new stream for each attempt. Destroy it if it was not read to its end. */
  open(): Readable;
}

const layerMediaType = 'application/vnd.oci.image.layer.v1.tar';
/** Fixed, so that equal input gives an equal id. The earliest time of a zip file, as other builders use it. */
const created = '1980-01-01T00:00:01Z';

export function uncompressedLayer(diffId: string, sizeBytes: number): Descriptor {
  return { mediaType: layerMediaType, digest: diffId, size: sizeBytes };
}

/**
 * For the graph store: a docker-archive. The store finds a layer by its chain of layers before it opens the layer's file. So
 * layers that the store has are empty files here. If it lacks one, the load fails with the digest.
 */
export function dockerArchive(plan: ImagePlan): ImageArchive {
  const config = imageConfig(plan);
  const configDigest = sha256(config);
  const names = plan.layers.map((layer, index) => `${index}-${hex(layer.diffId).slice(0, 12)}.tar`);
  const manifest = [{ Config: `${hex(configDigest)}.json`, RepoTags: [plan.tag], Layers: names }];
  return {
    imageId: configDigest,
    open: () =>
      tarOf([
        { name: `${hex(configDigest)}.json`, content: config },
        ...plan.layers.map((layer, index) => layerEntry(names[index] ?? '', layer)),
        { name: 'manifest.json', content: Buffer.from(JSON.stringify(manifest)) },
      ]),
  };
}

/**
 * For the containerd store: an OCI layout without the blobs that it has. (A docker-archive with empty files loads and even
 * runs there, but the image is incomplete: its base is lost.)
 */
export function ociLayout(plan: ImagePlan): ImageArchive {
  const config = imageConfig(plan);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256(config), size: config.length },
      layers: plan.layers.map((layer) => layer.descriptor ?? uncompressedLayer(layer.diffId, layer.sizeBytes)),
    }),
  );
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        {
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          digest: sha256(manifest),
          size: manifest.length,
          platform: { os: 'linux', architecture: plan.architecture },
          annotations: { 'io.containerd.image.name': qualifiedTag(plan.tag) },
        },
      ],
    }),
  );
  const toSend = plan.layers.filter((layer) => layer.path !== null);
  const unique = new Map(toSend.map((layer) => [layer.diffId, layer]));
  return {
    imageId: sha256(manifest),
    open: () =>
      tarOf([
        { name: 'oci-layout', content: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
        { name: 'index.json', content: index },
        { name: blobPath(sha256(manifest)), content: manifest },
        { name: blobPath(sha256(config)), content: config },
        ...[...unique.values()].map((layer) => layerEntry(blobPath(layer.diffId), layer)),
      ]),
  };
}

function imageConfig(plan: ImagePlan): Buffer {
  return Buffer.from(
    JSON.stringify({
      created,
      architecture: plan.architecture,
      os: 'linux',
      config: toWireConfig(plan.config),
      rootfs: { type: 'layers', diff_ids: plan.layers.map((layer) => layer.diffId) },
      history: plan.layers.map(() => ({ created, created_by: 'paas' })),
    }),
  );
}

function layerEntry(name: string, layer: PlannedLayer): TarEntry {
  return layer.path === null
    ? { name, content: Buffer.alloc(0) }
    : { name, path: layer.path, sizeBytes: layer.sizeBytes };
}

/** The name with explicit `docker.io/` and `library/`, as the containerd store names images. */
export function qualifiedTag(tag: string): string {
  const [first = '', ...rest] = tag.split('/');
  if (rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')) return tag;
  return rest.length > 0 ? `docker.io/${tag}` : `docker.io/library/${tag}`;
}

function blobPath(digest: string): string {
  return `blobs/sha256/${hex(digest)}`;
}

export function hex(digest: string): string {
  return digest.replace(/^sha256:/, '');
}

export function sha256(content: Buffer | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
