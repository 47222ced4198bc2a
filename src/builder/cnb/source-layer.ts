import { extract, type Header } from 'tar-stream';
import type { LayerFile } from '../../domain/images.ts';
import { contentTime, LayerWriter } from '../layer-tar.ts';
import type { Source } from '../strategy.ts';

/** The path of the app's folder in an image, without the first slash. */
export const appTree = 'app';

/**
 * Makes the app's own layer directly from git, without a build. It equals the layer of a build that does not change the
 * sources. Equal trees make equal bytes.
 */
export async function sourceLayer(
  source: Source,
  { path, maxBytes, signal }: { readonly path: string; readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<LayerFile> {
  const objectIds = new Map(source.entries.map((entry) => [entry.path, entry.objectId]));
  const writer = new LayerWriter(path, { paths: [appTree], maxBytes });
  try {
    await writer.add({ path: appTree, type: 'directory', mode: 0o755, sizeBytes: 0, linkTarget: null });
    const archive = await source.tree.archive(signal);
    const entries = extract();
    archive.on('error', (error) => entries.destroy(error));
    for await (const entry of archive.pipe(entries as unknown as NodeJS.ReadWriteStream) as unknown as typeof entries) {
      const type = typeOf(entry.header);
      const name = entry.header.name.replace(/\/+$/, '');
      const objectId = objectIds.get(name);
      if (type) {
        await writer.add(
          {
            path: `${appTree}/${name}`,
            type,
            mode: (entry.header.mode & 0o100) !== 0 || type === 'directory' ? 0o755 : 0o644,
            sizeBytes: entry.header.size,
            linkTarget: type === 'symlink' ? entry.header.linkname : null,
            ...(objectId === undefined ? {} : { modifiedAt: contentTime(objectId) }),
          },
          entry as AsyncIterable<Uint8Array>,
        );
      }
      entry.resume();
    }
    return await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** The types that git archive writes; null for any other. */
function typeOf(header: Header): 'file' | 'directory' | 'symlink' | null {
  return header.type === 'file' || header.type === 'directory' || header.type === 'symlink' ? header.type : null;
}
