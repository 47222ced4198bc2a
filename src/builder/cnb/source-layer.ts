import type { LayerFile } from '../../domain/images.ts';
import { contentTime, LayerWriter, type Owner } from '../layer-tar.ts';
import type { Source } from '../strategy.ts';
import { readTar } from '../tar/read.ts';

/** The path of the app's folder in an image, without the first slash. */
export const appTree = 'app';

/**
 * Makes the app's own layer directly from git, without a build. It equals the layer of a build that does not change the
 * sources. Equal trees make equal bytes.
 */
export async function sourceLayer(
  source: Source,
  {
    path,
    owner,
    maxBytes,
    signal,
  }: { readonly path: string; readonly owner: Owner; readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<LayerFile> {
  const objectIds = new Map(source.entries.map((entry) => [entry.path, entry.objectId]));
  const writer = new LayerWriter(path, { paths: [appTree], owner, maxBytes });
  try {
    await writer.add({ path: appTree, type: 'directory', mode: 0o755, sizeBytes: 0, linkTarget: null });
    for await (const entry of readTar((await source.tree.archive(signal)) as AsyncIterable<Uint8Array>)) {
      const { name, type, mode, sizeBytes, linkTarget } = entry;
      const objectId = objectIds.get(name);
      // The types that git archive writes, without its comment.
      if (type !== 'file' && type !== 'directory' && type !== 'symlink') continue;
      await writer.add(
        {
          path: `${appTree}/${name}`,
          type,
          mode: (mode & 0o100) !== 0 || type === 'directory' ? 0o755 : 0o644,
          sizeBytes,
          linkTarget,
          ...(objectId === undefined ? {} : { modifiedAt: contentTime(objectId) }),
        },
        entry.content,
      );
    }
    return await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}
