import { createHash } from 'node:crypto';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeCache } from '../../system/durable-file.ts';
import { readIfThere } from '../files.ts';
import type { RecordedLayer } from './recorded-layer.ts';

const templateStart = 'template-';

/** By the buildpack's name for a runtime: its folder in the volume, as in `node` → `node-24.21.0-amd64`. */
export type RuntimeFolders = Readonly<Record<string, string>>;

/** The runtimes that certain inputs led to, and when. */
export interface ResolvedRuntimes {
  readonly at: number;
  readonly folders: RuntimeFolders;
  /** The output that explained the choice. A later build with the same inputs prints it again. */
  readonly lines: readonly OutputLine[];
}

export interface OutputLine {
  readonly kind: 'step' | 'detail' | 'warn';
  readonly text: string;
}

/** An image with the runtimes as layers on one run stack. */
export interface Template {
  readonly imageId: string;
  readonly layers: readonly RecordedLayer[];
}

/** One record file, and when a build last used it. */
export interface RecordUse {
  readonly path: string;
  readonly usedAt: Date;
  readonly folders: readonly string[];
  /** The template's image; null for the record of resolved runtimes. */
  readonly imageId: string | null;
}

/**
 * Caches on disk. Without them, versions are looked up and layers made again. A file's modification time is the time of
 * its last use.
 */
export class RuntimeRecords {
  readonly #directory: string;

  constructor(recordsDir: string) {
    this.#directory = join(recordsDir, 'runtimes');
  }

  async resolution(digest: string): Promise<ResolvedRuntimes | null> {
    return await readRecord<ResolvedRuntimes>(join(this.#directory, `${digest}.json`));
  }

  async keep(digest: string, resolution: ResolvedRuntimes): Promise<void> {
    await writeCache(join(this.#directory, `${digest}.json`), JSON.stringify(resolution), { durable: true });
  }

  async template(runImageId: string, folders: RuntimeFolders): Promise<Template | null> {
    return await readRecord<Template>(this.#templatePath(runImageId, folders));
  }

  async keepTemplate(runImageId: string, folders: RuntimeFolders, template: Template): Promise<void> {
    await writeCache(this.#templatePath(runImageId, folders), JSON.stringify(template), { durable: true });
  }

  /** Sets the time of the last use, by which `removeOldRuntimes` decides. */
  async used(digest: string, runImageId: string, folders: RuntimeFolders): Promise<void> {
    const now = new Date();
    const paths = [join(this.#directory, `${digest}.json`), this.#templatePath(runImageId, folders)];
    // A missing file is written later, with the time of that.
    await Promise.all(paths.map((path) => utimes(path, now, now).catch(() => undefined)));
  }

  async uses(): Promise<readonly RecordUse[]> {
    const names = await readdir(this.#directory).catch(() => []);
    const paths = names.filter((name) => name.endsWith('.json')).map((name) => join(this.#directory, name));
    return await Promise.all(paths.map(useOf));
  }

  async forget({ path }: RecordUse): Promise<void> {
    await rm(path, { force: true });
  }

  templateName(runImageId: string, folders: RuntimeFolders): string {
    return createHash('sha256')
      .update(JSON.stringify([runImageId, Object.values(folders).sort()]))
      .digest('hex');
  }

  #templatePath(runImageId: string, folders: RuntimeFolders): string {
    return join(this.#directory, `${templateStart}${this.templateName(runImageId, folders)}.json`);
  }
}

/** A record that cannot be read counts as one without folders. */
async function useOf(path: string): Promise<RecordUse> {
  const { mtime: usedAt } = await stat(path);
  if (!basename(path).startsWith(templateStart)) {
    const resolution = await readRecord<ResolvedRuntimes>(path);
    return { path, usedAt, folders: Object.values(resolution?.folders ?? {}), imageId: null };
  }
  const template = await readRecord<Template>(path);
  const folders = template?.layers.map(({ tree }) => basename(tree.path)) ?? [];
  return { path, usedAt, folders, imageId: template?.imageId ?? null };
}

async function readRecord<T>(path: string): Promise<T | null> {
  const content = await readIfThere(path);
  if (!content) return null;
  try {
    return JSON.parse(content.toString()) as T;
  } catch {
    return null;
  }
}
