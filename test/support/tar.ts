import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';

export interface TarEntry {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly content: string;
}

/** All entries of a tar, in order. */
export async function readTar(stream: NodeJS.ReadableStream): Promise<readonly TarEntry[]> {
  const entries: TarEntry[] = [];
  const unpack = extract();
  unpack.on('entry', (header, body, next) => {
    let content = '';
    body.on('data', (chunk: unknown) => (content += String(chunk)));
    body.once('end', () => {
      entries.push({ name: header.name, type: header.type ?? 'file', mode: header.mode ?? 0, content });
      next();
    });
  });
  await pipeline(stream, unpack);
  return entries;
}
