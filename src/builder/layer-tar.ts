import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { PlatformError } from '../domain/errors.ts';
import { shownName } from '../domain/file-name.ts';
import type { LayerFile } from '../domain/images.ts';
import { tarEnd, tarHeader } from './tar/header.ts';
import { paddingOf } from './tar/read.ts';

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

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Of what several apps share, and of what no app may change. */
export const root: Owner = { uid: 0, gid: 0 };
const nothing = new Uint8Array();
/** Chunks of a tar are small. They are joined up to this size, because each write has a cost of its own. */
const writeBytes = 1024 * 1024;

export interface LayerEntry {
  /** Absolute in the image, without the first slash. As `nameOf` makes it, like `linkTarget`. */
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
  readonly #owner: Owner;
  readonly #maxBytes: number;
  readonly #hash = createHash('sha256');
  readonly #folders = new Set<string>();
  #file: FileHandle | null = null;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #sizeBytes = 0;

  /** `paths`: the paths that the layer may hold, each with all below it. `maxBytes`: limit of the whole tar. */
  constructor(
    path: string,
    options: { readonly paths: readonly string[]; readonly owner: Owner; readonly maxBytes: number },
  ) {
    this.#path = path;
    this.#owner = options.owner;
    this.#allowed = options.paths;
    this.#maxBytes = options.maxBytes;
  }

  /**
   * Only files have content, of exactly `sizeBytes`. Throws `build_failed` for a path that the layer may not hold, and
   * `too_large` when the layer exceeds the limit.
   */
  async add(entry: LayerEntry, content: AsyncIterable<Uint8Array> | Uint8Array = nothing): Promise<void> {
    checkPath(entry.path, this.#allowed);
    await this.#addParents(entry.path);
    if (entry.type === 'directory') {
      if (this.#folders.has(entry.path)) return;
      this.#folders.add(entry.path);
    }
    await this.#write(headerOf(entry, this.#owner));
    if (entry.type !== 'file' || entry.sizeBytes === 0) return;
    let written = 0;
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      written += chunk.length;
      await this.#write(chunk);
    }
    if (written !== entry.sizeBytes) {
      throw new PlatformError('internal', `${shownName(entry.path)} has ${written} bytes, not ${entry.sizeBytes}.`);
    }
    await this.#write(Buffer.alloc(paddingOf(written)));
  }

  /** Throws `too_large` when the layer exceeds the limit. */
  async finish(): Promise<LayerFile> {
    await this.#write(tarEnd);
    await this.#flush();
    await this.#file?.close();
    this.#file = null;
    return { diffId: `sha256:${this.#hash.digest('hex')}`, path: this.#path, sizeBytes: this.#sizeBytes };
  }

  /** Stops writing. The caller removes the unfinished file with its folder. */
  async abandon(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  async #addParents(path: string): Promise<void> {
    const names = path.split('/');
    for (let depth = 1; depth < names.length; depth++) {
      const folder = names.slice(0, depth).join('/');
      if (this.#folders.has(folder)) continue;
      this.#folders.add(folder);
      const inside = this.#allowed.some((allowed) => isBelow(folder, allowed));
      const entry = { path: folder, type: 'directory', mode: 0o755, sizeBytes: 0, linkTarget: null } as const;
      await this.#write(headerOf(entry, inside ? this.#owner : root));
    }
  }

  async #write(chunk: Uint8Array): Promise<void> {
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes > this.#maxBytes) {
      throw new PlatformError(
        'too_large',
        `The build made more than ${Math.floor(this.#maxBytes / 1024 / 1024)} MiB for one layer of the image.`,
      );
    }
    this.#hash.update(chunk);
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes >= writeBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    this.#file ??= await open(this.#path, 'wx', 0o600);
    const data = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    await this.#file.appendFile(data);
  }
}

function headerOf(entry: LayerEntry, owner: Owner): Buffer {
  return tarHeader({
    name: entry.path,
    type: entry.type,
    mode: modeOf(entry, owner),
    sizeBytes: entry.type === 'file' ? entry.sizeBytes : 0,
    modifiedAt: entry.modifiedAt ?? layerTime,
    linkTarget: entry.linkTarget,
    ...owner,
  });
}

/** No set-uid, set-gid or sticky bit. The owner can always read; what root owns, everybody can. */
function modeOf({ type, mode }: LayerEntry, { uid }: Owner): number {
  if (type === 'symlink') return 0o777;
  const kept = mode & 0o777;
  if (uid !== root.uid) return kept | (type === 'directory' ? 0o700 : 0o400);
  return kept | (type === 'directory' || (kept & 0o100) !== 0 ? 0o555 : 0o444);
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
    throw new PlatformError('build_failed', `The build made "${shownName(path)}", which cannot go into an image.`);
  }
}
