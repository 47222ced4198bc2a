import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import { PlatformError } from '../../domain/errors.ts';
import type { LayerFile } from '../../domain/images.ts';
import type { Tree } from '../jail/frames.ts';
import { contentTime, isBelow, LayerWriter } from '../layer-tar.ts';
import { appTree } from './source-layer.ts';

/** Of a larger file, only the first bytes and the size are hashed. */
const hashedBytes = 16 * 1024 * 1024;

export interface SplitOptions {
  readonly trees: readonly Tree[];
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
    for await (const entry of Readable.from(tar).pipe(
      extract() as unknown as NodeJS.ReadWriteStream,
    ) as unknown as ReturnType<typeof extract>) {
      const { header } = entry;
      const path = header.name.replace(/\/+$/, '');
      while (!belongs(path, options.trees[layers.length])) {
        layers.push(await writer.finish());
        if (layers.length >= options.trees.length) throw strange(path);
        writer = newWriter(options, layers.length);
      }
      await addEntry(writer, path, { header, content: entry as AsyncIterable<Buffer> });
      entry.resume();
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

function newWriter({ trees, directory, maxBytes }: SplitOptions, index: number): LayerWriter {
  const tree = trees[index];
  return new LayerWriter(join(directory, `layer-${index}.tar`), { paths: tree ? [tree.path] : [], maxBytes });
}

function belongs(path: string, tree: Tree | undefined): boolean {
  return tree !== undefined && isBelow(path, tree.path) && !tree.without.some((without) => isBelow(path, without));
}

async function addEntry(
  writer: LayerWriter,
  path: string,
  { header, content }: { readonly header: Header; readonly content: AsyncIterable<Buffer> },
): Promise<void> {
  const { type } = header;
  // A pipe or a socket that a build left behind is of no use in an image.
  if (type === 'fifo') return;
  if (type !== 'file' && type !== 'directory' && type !== 'symlink') throw strange(path);
  const entry = { path, type, mode: header.mode, sizeBytes: type === 'file' ? header.size : 0 };
  const linkTarget = type === 'symlink' ? header.linkname : null;
  if (type !== 'file' || !isBelow(path, appTree)) return await writer.add({ ...entry, linkTarget }, content);
  const start = await beginning(content, header.size);
  const modifiedAt = contentTime(start.objectId);
  await writer.add({ ...entry, linkTarget, modifiedAt }, start.whole);
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
  return new PlatformError('build_failed', `The build made ${JSON.stringify(path)}, which cannot go into an image.`);
}

function unreadable(error: unknown): PlatformError {
  return new PlatformError('build_failed', 'What the build made could not be read.', { cause: error });
}
