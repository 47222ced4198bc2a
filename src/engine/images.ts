import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PlatformError } from '../domain/errors.ts';
import type { EngineImages, ImageState } from '../domain/images.ts';
import { Assembler } from './assemble.ts';
import { BlobCache } from './blob-cache.ts';
import type { Connection } from './connection.ts';
import { answered, ignoring } from './docker-errors.ts';
import { buildDockerfile } from './dockerfile-build.ts';
import type { DockerInfo } from './engine-info.ts';
import { imagePath, splitTag } from './image-refs.ts';
import { type InspectedImage, toImageState } from './image-state.ts';
import { exportImage, importImages } from './image-tar.ts';
import { KnownLayers } from './known-layers.ts';
import { labelFilter } from './labels.ts';
import { pullImage, pushImage } from './registry-transfer.ts';

const spoolStart = 'paas-rootfs-';
/** Older spool files are leftovers: writing one takes less time. */
const spoolLastsMs = 60 * 60_000;

export function dockerImages(
  connection: Connection,
  info: () => Promise<DockerInfo>,
  cacheDir: string | null,
): EngineImages {
  const blobs = new BlobCache(cacheDir);
  const known = new KnownLayers(connection, blobs);
  const assembler = new Assembler(connection, info, { known, blobs });

  async function inspect(ref: string): Promise<ImageState | null> {
    try {
      const what = `inspect image ${ref}`;
      return toImageState(
        await connection.request<InspectedImage>({ method: 'GET', path: imagePath(ref, '/json'), what }),
      );
    } catch (error) {
      if (answered(error, 404)) return null;
      throw error;
    }
  }

  return {
    inspect,

    async list(labels) {
      const rows = await connection.request<readonly { readonly Id: string }[]>({
        method: 'GET',
        path: '/images/json',
        query: { filters: labelFilter(labels) },
        what: 'list images',
      });
      const images = await Promise.all(rows.map((row) => inspect(row.Id)));
      return images.filter((image) => image !== null);
    },

    assemble: (image) => assembler.assemble(image),

    /** The tar is written to disk first, because the engine needs its digest before its content. */
    async importRootfs(tar, tag, config) {
      const spool = await spoolTar(tar, cacheDir ?? tmpdir());
      try {
        return await assembler.root({ ...spool, descriptor: null }, { tag, config });
      } finally {
        await rm(spool.path, { force: true });
      }
    },

    async buildDockerfile(build, signal) {
      const id = await buildDockerfile(connection, build, signal);
      const image = (id === null ? null : await inspect(id)) ?? (await inspect(build.tag));
      if (image === null)
        throw new PlatformError('internal', `The build ended well, but there is no image ${build.tag}.`);
      return image.id;
    },

    push: (ref, transfer, signal) => pushImage(connection, ref, { ...transfer, signal }),
    pull: (ref, transfer, signal) => pullImage(connection, ref, { ...transfer, signal, inspect }),
    export: (ref, signal) => exportImage(connection, ref, signal),
    import: (tar, signal) => importImages(connection, tar, { signal, inspect }),

    async tag(id, tag) {
      const what = `tag image ${id} as ${tag}`;
      await connection.request({ method: 'POST', path: imagePath(id, '/tag'), query: splitTag(tag), what });
    },

    async remove(ref) {
      // 409: a container uses it, or it has several tags.
      await ignoring([404, 409], () =>
        connection.request({
          method: 'DELETE',
          path: imagePath(ref),
          what: `remove image ${ref}`,
          deadlineMs: 120_000,
        }),
      );
    },

    /** `keep-storage` is `reserved-space` from API 1.48 on, where the old name is still understood. */
    async trimBuildCache({ keepBytes, unusedForMs }) {
      await connection.request({
        method: 'POST',
        path: '/build/prune',
        query: { 'keep-storage': keepBytes, filters: { until: [`${unusedForMs}ms`] } },
        what: 'trim the build cache',
        deadlineMs: 10 * 60_000,
      });
    },
  };
}

/** Removes the files of a process that was killed. Each can have half a gigabyte. */
async function removeLeftSpools(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(spoolStart)) continue;
    const path = join(directory, name);
    const file = await stat(path).catch(() => null);
    if (file !== null && Date.now() - file.mtimeMs > spoolLastsMs) await rm(path, { force: true });
  }
}

async function spoolTar(
  tar: Readable,
  directory: string,
): Promise<{ readonly path: string; readonly diffId: string; readonly sizeBytes: number }> {
  await mkdir(directory, { recursive: true });
  await removeLeftSpools(directory);
  const path = join(directory, `${spoolStart}${randomBytes(6).toString('hex')}.tar`);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      done(null, chunk);
    },
  });
  try {
    await pipeline(tar, count, createWriteStream(path, { mode: 0o600 }));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return { path, diffId: `sha256:${hash.digest('hex')}`, sizeBytes };
}
