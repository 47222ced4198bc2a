import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { pack as createPack, type Pack } from 'tar-stream';
import { PlatformError } from '../domain/errors.ts';
import type { LayerFile } from '../domain/images.ts';

/** 1980-01-01T00:00:01Z, the time of every file in an image made by buildpacks (platform spec, "exporter"). */
const layerTime = new Date(315_532_801_000);

/**
 * A time between 2000 and 2025 that depends only on the content. Web servers make a file's ETag from its time and size:
 * with one time for all files, browsers would keep the old version of a changed file of equal size. `objectId` is git's id
 * of the blob, in hexadecimal.
 */
export function contentTime(objectId: string): Date {
  const twentyFiveYears = 788_940_000;
  return new Date((946_684_800 + (Number.parseInt(objectId.slice(0, 8), 16) % twentyFiveYears)) * 1000);
}

export const appOwner = { uid: 10_001, gid: 10_001 } as const;
const root = { uid: 0, gid: 0 } as const;
const nothing = new Uint8Array();
/** Chunks of a tar are small. They are joined up to this size, because each write has a cost of its own. */
const writeBytes = 1024 * 1024;

export interface LayerEntry {
  /** Absolute in the image, without the first slash. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly sizeBytes: number;
  readonly linkTarget: string | null;
  /** Default: `layerTime`. */
  readonly modifiedAt?: Date;
}

/**
 * Writes one layer in normal form: equal files make equal bytes, in every build. Entries are written in the order given.
 * Missing parent folders are added; outside of `paths` they belong to root. Only paths within `paths`, and only files,
 * directories and symbolic links, are accepted, because the engine unpacks a layer as root.
 */
export class LayerWriter {
  readonly #path: string;
  readonly #allowed: readonly string[];
  readonly #maxBytes: number;
  readonly #pack: Pack = createPack();
  readonly #hash = createHash('sha256');
  readonly #written: Promise<void>;
  readonly #folders = new Set<string>();
  #sizeBytes = 0;
  #failed = false;

  /** `paths`: the paths that the layer may hold, each with all below it. `maxBytes`: limit of the whole tar. */
  constructor(path: string, options: { readonly paths: readonly string[]; readonly maxBytes: number }) {
    this.#path = path;
    this.#allowed = options.paths;
    this.#maxBytes = options.maxBytes;
    // The reader of the pack receives the error.
    this.#pack.on('error', () => undefined);
    this.#written = this.#write();
    // `finish` throws the error. Until then, an unhandled rejection must not end the program.
    this.#written.catch(() => {
      this.#failed = true;
    });
  }

  /** Only files have content, of exactly `sizeBytes`. Throws `build_failed` for a path that the layer may not hold. */
  async add(entry: LayerEntry, content: AsyncIterable<Uint8Array> | Uint8Array = nothing): Promise<void> {
    if (this.#failed) await this.#written;
    checkPath(entry.path, this.#allowed);
    await this.#addParents(entry.path);
    if (entry.type === 'directory') {
      if (this.#folders.has(entry.path)) return;
      this.#folders.add(entry.path);
    }
    const empty = entry.type !== 'file' || entry.sizeBytes === 0;
    await this.#entry(headerOf(entry, appOwner), empty ? nothing : content);
  }

  /** Throws `too_large` when the layer exceeds the limit. */
  async finish(): Promise<LayerFile> {
    this.#pack.finalize();
    await this.#written;
    return { diffId: `sha256:${this.#hash.digest('hex')}`, path: this.#path, sizeBytes: this.#sizeBytes };
  }

  /** Stops writing. The caller removes the unfinished file with its folder. */
  async abandon(): Promise<void> {
    this.#pack.destroy(new Error('abandoned'));
    await this.#written.catch(() => undefined);
  }

  async #addParents(path: string): Promise<void> {
    const names = path.split('/');
    for (let depth = 1; depth < names.length; depth++) {
      const folder = names.slice(0, depth).join('/');
      if (this.#folders.has(folder)) continue;
      this.#folders.add(folder);
      const inside = this.#allowed.some((allowed) => isBelow(folder, allowed));
      const entry = { path: folder, type: 'directory', mode: 0o755, sizeBytes: 0, linkTarget: null } as const;
      await this.#entry(headerOf(entry, inside ? appOwner : root), nothing);
    }
  }

  #entry(header: HeaderArgument, content: AsyncIterable<Uint8Array> | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      // If the writer failed, its error is more precise than the pack's.
      const done = (error?: Error | null) => (error ? void this.#written.then(() => reject(error), reject) : resolve());
      // If the writer fails meanwhile, nothing reads the pack any more and `done` is never called.
      this.#written.catch(reject);
      if (content instanceof Uint8Array) return void this.#pack.entry(header, content, done);
      copy(content, this.#pack.entry(header, done)).catch((error: unknown) => {
        reject(error);
        this.#pack.destroy(error as Error);
      });
    });
  }

  async #write(): Promise<void> {
    let file: FileHandle | undefined;
    try {
      file = await open(this.#path, 'wx', 0o600);
      let pending: Buffer[] = [];
      let pendingBytes = 0;
      for await (const data of this.#pack) {
        const chunk = data as Buffer;
        this.#sizeBytes += chunk.length;
        if (this.#sizeBytes > this.#maxBytes) {
          throw new PlatformError(
            'too_large',
            `The build made more than ${Math.floor(this.#maxBytes / 1024 / 1024)} MiB for one layer of the image.`,
          );
        }
        this.#hash.update(chunk);
        pending.push(chunk);
        pendingBytes += chunk.length;
        if (pendingBytes < writeBytes) continue;
        await file.appendFile(Buffer.concat(pending));
        pending = [];
        pendingBytes = 0;
      }
      await file.appendFile(Buffer.concat(pending));
    } finally {
      await file?.close();
    }
  }
}

type HeaderArgument = Parameters<Pack['entry']>[0];
type Sink = ReturnType<Pack['entry']>;

async function copy(content: AsyncIterable<Uint8Array>, sink: Sink): Promise<void> {
  // The layer's writer receives the error.
  sink.on('error', () => undefined);
  for await (const chunk of content) {
    if (!sink.write(chunk)) await new Promise<void>((resolve) => sink.once('drain', () => resolve()));
  }
  sink.end(undefined);
}

function headerOf(entry: LayerEntry, owner: { readonly uid: number; readonly gid: number }): HeaderArgument {
  return {
    name: entry.type === 'directory' ? `${entry.path}/` : entry.path,
    type: entry.type,
    // No set-uid, set-gid or sticky bit. The owner can always read.
    mode: entry.type === 'symlink' ? 0o777 : (entry.mode & 0o777) | (entry.type === 'directory' ? 0o700 : 0o400),
    size: entry.type === 'file' ? entry.sizeBytes : 0,
    mtime: entry.modifiedAt ?? layerTime,
    uname: '',
    gname: '',
    ...owner,
    ...(entry.linkTarget === null ? {} : { linkname: entry.linkTarget }),
  };
}

/** Compares whole names: `/app-evil` is not below `/app`. */
export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function checkPath(path: string, allowed: readonly string[]): void {
  const names = path.split('/');
  const clean = names.every((name) => name !== '' && name !== '.' && name !== '..') && !path.includes('\0');
  // A whiteout would delete files of the layers below (OCI image spec, "Whiteouts").
  const whiteout = names.some((name) => name.startsWith('.wh.'));
  if (!clean || whiteout || !allowed.some((folder) => isBelow(path, folder))) {
    throw new PlatformError('build_failed', `The build made ${JSON.stringify(path)}, which cannot go into an image.`);
  }
}
