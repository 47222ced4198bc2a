import { Readable } from 'node:stream';
import { extract } from 'tar-stream';

export interface SmallFile {
  readonly content: Buffer;
}

/** The regular files of a tar in memory, by path. */
export async function readSmallTar(tar: Buffer): Promise<ReadonlyMap<string, SmallFile>> {
  const files = new Map<string, SmallFile>();
  for await (const entry of Readable.from([tar]).pipe(extract())) {
    const parts: Buffer[] = [];
    for await (const part of entry) parts.push(part as Buffer);
    if (entry.header.type === 'file') files.set(entry.header.name, { content: Buffer.concat(parts) });
  }
  return files;
}
