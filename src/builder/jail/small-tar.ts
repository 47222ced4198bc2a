import { readTar } from '../tar/read.ts';

export interface SmallFile {
  readonly content: Buffer;
}

/** The regular files of a tar in memory, by path. */
export async function readSmallTar(tar: Buffer): Promise<ReadonlyMap<string, SmallFile>> {
  const files = new Map<string, SmallFile>();
  for await (const entry of readTar(chunksOf(tar))) {
    const parts: Buffer[] = [];
    for await (const part of entry.content) parts.push(part);
    if (entry.type === 'file') files.set(entry.name, { content: Buffer.concat(parts) });
  }
  return files;
}

async function* chunksOf(tar: Buffer): AsyncGenerator<Buffer> {
  yield tar;
}
