import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { PlatformError } from '../../domain/errors.ts';
import { shownName } from '../../domain/file-name.ts';
import type { LayerFile } from '../../domain/images.ts';
import type { Tree } from '../jail/frames.ts';
import { contentTime, isBelow, LayerWriter, type Owner } from '../layer-tar.ts';
import { readTar, type TarEntry } from '../tar/read.ts';
import { appTree } from './source-layer.ts';

/** Of a larger file, only the first bytes and the size are hashed. */
const hashedBytes = 16 * 1024 * 1024;

export interface SplitOptions {
  readonly trees: readonly Tree[];
  /** Of every file. */
  readonly owner: Owner;
  readonly directory: string;
  readonly maxBytes: number;
}

/**
 * Splits the tar of a jail into one layer per tree, in the trees' order. The tar is not trusted: a path outside of the
 * trees, or an entry that is no file, directory or symbolic link, fails the build with `build_failed`. A tree without
 * entries makes an empty layer.
 */
export async function splitLayers(tar: AsyncIterable<Buffer>, options: SplitOptions): Promise<readonly LayerFile[]> {
  const layers: LayerFile[] = [];
  let writer = newWriter(options, 0);
  try {
    for await (const entry of readTar(tar)) {
      const path = entry.name;
      while (!belongs(path, options.trees[layers.length])) {
        layers.push(await writer.finish());
        if (layers.length >= options.trees.length) throw strange(path);
        writer = newWriter(options, layers.length);
      }
      await addEntry(writer, entry);
    }
    while (layers.length < options.trees.length) {
      layers.push(await writer.finish());
      if (layers.length < options.trees.length) writer = newWriter(options, layers.length);
    }
    return layers;
  } catch (error) {
    await writer.abandon();
    throw error instanceof PlatformError ? error : unreadable(error);
  }
}

function newWriter({ trees, owner, directory, maxBytes }: SplitOptions, index: number): LayerWriter {
  const tree = trees[index];
  return new LayerWriter(join(directory, `layer-${index}.tar`), {
    paths: tree ? [tree.path] : [],
    owner,
    maxBytes,
  });
}

function belongs(path: string, tree: Tree | undefined): boolean {
  return tree !== undefined && isBelow(path, tree.path) && !tree.without.some((without) => isBelow(path, without));
}

async function addEntry(writer: LayerWriter, entry: TarEntry): Promise<void> {
  const { name: path, type, mode, sizeBytes, linkTarget, content } = entry;
  // A pipe or a socket that a build left behind is of no use in an image.
  if (type === 'fifo') return;
  if (type !== 'file' && type !== 'directory' && type !== 'symlink') throw strange(path);
  const added = { path, type, mode, sizeBytes, linkTarget };
  if (type !== 'file' || !isBelow(path, appTree)) return await writer.add(added, content);
  const start = await beginning(content, sizeBytes);
  await writer.add({ ...added, modifiedAt: contentTime(start.objectId) }, start.whole);
}

/** Hashes the content as git does for a blob's id; of a large file, only its first bytes. */
async function beginning(
  content: AsyncIterable<Buffer>,
  sizeBytes: number,
): Promise<{ readonly objectId: string; readonly whole: AsyncIterable<Uint8Array> | Uint8Array }> {
  const chunks = content[Symbol.asyncIterator]();
  const parts: Buffer[] = [];
  let bytes = 0;
  while (bytes < Math.min(sizeBytes, hashedBytes)) {
    const next = await chunks.next();
    if (next.done) break;
    parts.push(next.value);
    bytes += next.value.length;
  }
  const read = Buffer.concat(parts);
  const objectId = createHash('sha1').update(`blob ${sizeBytes}\0`).update(read).digest('hex');
  return { objectId, whole: read.length === sizeBytes ? read : rest(read, chunks) };
}

async function* rest(read: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Uint8Array> {
  yield read;
  for (;;) {
    const next = await chunks.next();
    if (next.done) return;
    yield next.value;
  }
}

function strange(path: string): PlatformError {
  return new PlatformError('build_failed', `The build made "${shownName(path)}", which cannot go into an image.`);
}

function unreadable(error: unknown): PlatformError {
  return new PlatformError('build_failed', 'What the build made could not be read.', { cause: error });
}
