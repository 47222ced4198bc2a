import { createHash } from 'node:crypto';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeWhole } from '../../system/durable-file.ts';
import { readIfThere } from '../files.ts';
import type { RecordedLayer } from './recorded-layer.ts';

const templateStart = 'template-';

/** Folders of the shared runtimes by the buildpack's name for each: `node` → `node-24.21.0-amd64`. */
export type RuntimeFolders = Readonly<Record<string, string>>;

/** Which runtimes certain inputs led to, and when. */
export interface ResolvedRuntimes {
  readonly at: number;
  readonly folders: RuntimeFolders;
  /** What told how: a later build says it again. */
  readonly lines: readonly OutputLine[];
}

export interface OutputLine {
  readonly kind: 'step' | 'detail' | 'warn';
  readonly text: string;
}

/** Runtimes as layers on one run stack. */
export interface Template {
  readonly imageId: string;
  readonly layers: readonly RecordedLayer[];
}

/** A record and when a build last asked for what it tells. */
export interface RecordUse {
  readonly path: string;
  readonly usedAt: Date;
  readonly folders: readonly string[];
  /** Of a template; null of a resolution. */
  readonly imageId: string | null;
}

/** Caches on disk: without them versions are asked for again and layers made again. A file's time says when it was last used. */
export class RuntimeRecords {
  readonly #directory: string;

  constructor(recordsDir: string) {
    this.#directory = join(recordsDir, 'runtimes');
  }

  async resolution(digest: string): Promise<ResolvedRuntimes | null> {
    return await readRecord<ResolvedRuntimes>(join(this.#directory, `${digest}.json`));
  }

  async keep(digest: string, resolution: ResolvedRuntimes): Promise<void> {
    await writeWhole(join(this.#directory, `${digest}.json`), JSON.stringify(resolution));
  }

  async template(runImageId: string, folders: RuntimeFolders): Promise<Template | null> {
    return await readRecord<Template>(this.#templatePath(runImageId, folders));
  }

  async keepTemplate(runImageId: string, folders: RuntimeFolders, template: Template): Promise<void> {
    await writeWhole(this.#templatePath(runImageId, folders), JSON.stringify(template));
  }

  /** Notes that a build uses these; whoever removes what is old goes by it. */
  async used(digest: string, runImageId: string, folders: RuntimeFolders): Promise<void> {
    const now = new Date();
    const paths = [join(this.#directory, `${digest}.json`), this.#templatePath(runImageId, folders)];
    // Not there: then it will be written, with the time of that.
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

/** What cannot be read is of no use to anybody. */
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
