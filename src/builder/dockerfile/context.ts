import { Readable } from 'node:stream';
import type { SourceTree } from '../../domain/push.ts';
import { tarEnd, tarHeader } from '../tar/header.ts';
import { paddingOf, readTar } from '../tar/read.ts';
import type { DockerIgnore } from './dockerignore.ts';

export interface ContextOptions {
  /** Replaces the Dockerfile of the source. */
  readonly dockerfile: Buffer;
  readonly ignore: DockerIgnore;
  readonly signal: AbortSignal;
}

/**
 * The build context as a tar: the source from git, without the paths that .dockerignore excludes. The kept entries are
 * byte for byte those of git. Nothing is written to disk.
 */
export function buildContext(tree: SourceTree, options: ContextOptions): Readable {
  return Readable.from(contextBytes(tree, options), { objectMode: false });
}

async function* contextBytes(
  tree: SourceTree,
  { dockerfile, ignore, signal }: ContextOptions,
): AsyncGenerator<Uint8Array> {
  yield fileHeader('Dockerfile', dockerfile.length);
  yield dockerfile;
  yield Buffer.alloc(paddingOf(dockerfile.length));
  for await (const entry of readTar((await tree.archive(signal)) as AsyncIterable<Uint8Array>)) {
    if (entry.name === 'Dockerfile' || entry.name === '' || ignore.leavesOut(entry.name)) continue;
    yield entry.head;
    yield* entry.content;
    yield Buffer.alloc(paddingOf(entry.sizeBytes));
  }
  yield tarEnd;
}

function fileHeader(name: string, sizeBytes: number): Buffer {
  const modifiedAt = new Date();
  return tarHeader({ name, type: 'file', mode: 0o644, uid: 0, gid: 0, sizeBytes, modifiedAt, linkTarget: null });
}
