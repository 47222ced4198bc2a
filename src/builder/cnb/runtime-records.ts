import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readIfThere, writeWhole } from '../files.ts';
import type { RecordedLayer } from './record.ts';

/** Folders of the shared runtimes by the buildpack's name for each: `node` → `node-24.21.0-amd64`. */
export type RuntimeFolders = Readonly<Record<string, string>>;

/** Which runtimes certain inputs led to, and when. */
export interface Resolution {
  readonly at: number;
  readonly folders: RuntimeFolders;
  /** What told how: a later build says it again. */
  readonly said: readonly SaidLine[];
}

export interface SaidLine {
  readonly kind: 'step' | 'detail' | 'warn';
  readonly text: string;
}

/** Runtimes as layers on one run stack. */
export interface Template {
  readonly imageId: string;
  readonly layers: readonly RecordedLayer[];
}

/** Caches on disk: without them versions are asked for again and layers made again. */
export class RuntimeRecords {
  readonly #directory: string;

  constructor(recordsDir: string) {
    this.#directory = join(recordsDir, 'runtimes');
  }

  async resolution(digest: string): Promise<Resolution | null> {
    return await readRecord<Resolution>(join(this.#directory, `${digest}.json`));
  }

  async keep(digest: string, resolution: Resolution): Promise<void> {
    await writeWhole(join(this.#directory, `${digest}.json`), JSON.stringify(resolution));
  }

  async template(runImageId: string, folders: RuntimeFolders): Promise<Template | null> {
    return await readRecord<Template>(this.#templatePath(runImageId, folders));
  }

  async keepTemplate(runImageId: string, folders: RuntimeFolders, template: Template): Promise<void> {
    await writeWhole(this.#templatePath(runImageId, folders), JSON.stringify(template));
  }

  templateName(runImageId: string, folders: RuntimeFolders): string {
    return createHash('sha256')
      .update(JSON.stringify([runImageId, Object.values(folders).sort()]))
      .digest('hex');
  }

  #templatePath(runImageId: string, folders: RuntimeFolders): string {
    return join(this.#directory, `template-${this.templateName(runImageId, folders)}.json`);
  }
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
