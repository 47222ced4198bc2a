import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import tar from 'tar-stream';
import type { LayerFile } from '../../src/domain/images.ts';

/** A layer on disk with these files. Equal files give an equal layer. */
export async function writeLayer(
  directory: string,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<LayerFile> {
  const pack = tar.pack();
  for (const [name, content] of Object.entries(files)) pack.entry({ name, mode: 0o755, mtime: new Date(0) }, content);
  pack.finalize();
  const bytes = await buffer(pack as unknown as AsyncIterable<Buffer>);
  const digest = createHash('sha256').update(bytes).digest('hex');
  const path = join(directory, `${digest}.tar`);
  await writeFile(path, bytes);
  return { diffId: `sha256:${digest}`, path, sizeBytes: bytes.length };
}
