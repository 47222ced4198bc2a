import { Readable } from 'node:stream';
import type { SourceTree } from '../../domain/push.ts';
import { type HeaderFacts, tarEnd, tarHeader } from '../tar/header.ts';
import { paddingOf, readTar, type TarEntry } from '../tar/read.ts';
import type { DockerIgnore } from './dockerignore.ts';

export interface ContextOptions {
  /** For the engine. It lies at the top of the context. */
  readonly dockerfile: Buffer;
  /** A folder of the context for the source; null for the top, where the source's own Dockerfile has no place. */
  readonly folder: string | null;
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
  { dockerfile, folder, ignore, signal }: ContextOptions,
): AsyncGenerator<Uint8Array> {
  yield headerOf({ name: 'Dockerfile', type: 'file', sizeBytes: dockerfile.length });
  yield dockerfile;
  yield Buffer.alloc(paddingOf(dockerfile.length));
  if (folder !== null) yield headerOf({ name: folder, type: 'directory' });
  for await (const entry of readTar((await tree.archive(signal)) as AsyncIterable<Uint8Array>)) {
    if ((folder === null && entry.name === 'Dockerfile') || entry.name === '' || ignore.leavesOut(entry.name)) continue;
    yield folder === null ? entry.head : headIn(folder, entry);
    yield* entry.content;
    yield Buffer.alloc(paddingOf(entry.sizeBytes));
  }
  yield tarEnd;
}

const rootOwned = { mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, linkTarget: null } as const;

function headerOf(facts: Pick<HeaderFacts, 'name' | 'type'> & Partial<HeaderFacts>): Buffer {
  return tarHeader({ ...rootOwned, modifiedAt: new Date(), ...facts });
}

/** git archive writes files, folders and links. */
function headIn(folder: string, { name, type, mode, sizeBytes, linkTarget, modifiedAt }: TarEntry): Buffer {
  if (type !== 'file' && type !== 'directory' && type !== 'symlink') return Buffer.alloc(0);
  return headerOf({ name: `${folder}/${name}`, type, mode, sizeBytes, linkTarget, modifiedAt });
}
