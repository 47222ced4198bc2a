import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Pack, pack } from 'tar-stream';
import { filesOfPackage } from './apt-download.ts';
import { mergedUsrLink, mergedUsrPath } from './merged-usr.ts';

type EntryHeader = Parameters<Pack['entry']>[0];

/**
 * A tar of one root file system with the files of all these packages, and the packages themselves in `folder`. Nothing is
 * configured. The stream fails with the first error, so that half a system never becomes an image.
 */
export function unpackPackages(
  packages: readonly string[],
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal },
): Readable {
  const tar = pack();
  const system = new RootFilesystem(tar);
  const fill = async () => {
    for (const name of ['status', 'available']) await system.file(`var/lib/dpkg/${name}`, Buffer.alloc(0));
    for (const path of packages) {
      await system.file(`${folder}/${basename(path)}`, await readFile(path));
      await system.package(filesOfPackage(path, signal));
    }
    tar.finalize();
  };
  fill().catch((error: Error) => tar.destroy(error));
  return Readable.from(tar);
}

/** Writes a root file system as a tar, with a merged `/usr`. */
class RootFilesystem {
  readonly #tar: Pack;
  /** Paths that were written: a layer may hold each path only once, and every package has its parent folders. */
  readonly #written = new Set<string>();

  constructor(tar: Pack) {
    this.#tar = tar;
  }

  async file(name: string, content: Buffer): Promise<void> {
    await this.#add({ name, mode: 0o644, uid: 0, gid: 0, size: content.length }, Readable.from([content]));
  }

  async package(files: AsyncIterable<Uint8Array>): Promise<void> {
    const entries = extract();
    const read = pipeline(Readable.from(files), entries);
    // Awaited below. A failure within the loop ends the loop.
    read.catch(() => undefined);
    for await (const entry of entries) {
      const { name, linkname, type } = entry.header;
      const path = mergedUsrPath(name);
      const link = mergedUsrLink(name);
      if (link !== null) await this.#link(link);
      const target = type === 'link' && linkname ? { linkname: mergedUsrPath(linkname) } : {};
      if (path === '' || (type === 'symlink' && path === `usr/${link}`)) entry.resume();
      else await this.#add({ ...entry.header, name: path, ...target }, entry as AsyncIterable<Uint8Array>);
    }
    await read;
  }

  async #link(name: string): Promise<void> {
    await this.#add({ name, type: 'symlink', linkname: `usr/${name}`, mode: 0o777, uid: 0, gid: 0 }, Readable.from([]));
  }

  async #add(header: EntryHeader, content: AsyncIterable<Uint8Array>): Promise<void> {
    const known = this.#written.has(header.name);
    this.#written.add(header.name);
    await pipeline(content, known ? discarding() : this.#tar.entry(header));
  }
}

function discarding(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
