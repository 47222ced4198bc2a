import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import tar from 'tar-stream';
import { type Descriptor, hex } from './image-archive.ts';

/** The contents of `GET /images/{name}/get` of a containerd store. */
export interface SavedImage {
  /** The computed SHA-256 of every file. The names of the files are not trusted. */
  readonly digests: ReadonlySet<string>;
  /** The blobs of the layers of the manifest whose image has exactly these diffIds. Null if there is no such manifest. */
  layersOf(diffIds: readonly string[]): readonly Descriptor[] | null;
}

/** Manifests and configurations are far smaller; layers above this are only hashed. */
const smallFileBytes = 1024 * 1024;

interface Manifest {
  readonly manifests?: readonly Descriptor[];
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

export async function readSavedImage(stream: Readable): Promise<SavedImage> {
  const extract = tar.extract();
  const digests = new Set<string>();
  const small = new Map<string, Buffer>();
  extract.on('entry', (header, entry, next) => {
    const hash = createHash('sha256');
    const kept: Buffer[] | null = (header.size ?? 0) <= smallFileBytes ? [] : null;
    entry.on('data', (data) => {
      const chunk = data as Buffer;
      hash.update(chunk);
      kept?.push(chunk);
    });
    // If the stream breaks, its entry breaks too. Only the error of the stream is reported.
    entry.on('error', () => {});
    entry.on('end', () => {
      const digest = `sha256:${hash.digest('hex')}`;
      digests.add(digest);
      if (kept !== null) small.set(header.name, Buffer.concat(kept));
      next();
    });
  });
  stream.on('error', (error) => extract.destroy(error));
  stream.pipe(extract);
  await finished(extract);
  return { digests, layersOf: (diffIds) => findLayers(small, diffIds) };
}

function findLayers(files: ReadonlyMap<string, Buffer>, diffIds: readonly string[]): readonly Descriptor[] | null {
  const waiting: (Manifest | null)[] = [parse<Manifest>(files.get('index.json'))];
  // An image may be an index of indexes (platforms, attestations).
  for (let manifest = waiting.pop(); manifest !== undefined; manifest = waiting.pop()) {
    if (manifest === null) continue;
    for (const child of manifest.manifests ?? []) waiting.push(parse<Manifest>(files.get(blob(child))));
    if (manifest.config === undefined || manifest.layers === undefined) continue;
    const config = parse<{ readonly rootfs?: { readonly diff_ids?: readonly string[] } }>(
      files.get(blob(manifest.config)),
    );
    const found = config?.rootfs?.diff_ids ?? [];
    if (found.length === diffIds.length && found.every((diffId, index) => diffId === diffIds[index])) {
      return manifest.layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size }));
    }
  }
  return null;
}

function blob(descriptor: Descriptor): string {
  return `blobs/sha256/${hex(descriptor.digest)}`;
}

function parse<T>(content: Buffer | undefined): T | null {
  if (content === undefined) return null;
  try {
    return JSON.parse(content.toString('utf8')) as T;
  } catch {
    return null;
  }
}
