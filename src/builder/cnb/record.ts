import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { App } from '../../domain/app.ts';
import { writeCache } from '../../system/durable-file.ts';
import { builderGeneration } from '../build-key.ts';
import { readIfThere } from '../files.ts';
import type { LaunchPlan } from './launch-plan.ts';
import type { RecordedLayer } from './recorded-layer.ts';
import type { RuntimeFolders } from './runtime-records.ts';

/**
 * What the last build of an app made, and what the next build can reuse of it. Other platforms read this from the image's
 * labels. It is a cache: without it, the next build makes everything.
 */
export interface BuildRecord {
  readonly generation: number;
  readonly name: string;
  readonly imageId: string;
  readonly group: readonly RecordedBuildpack[];
  /** Image ids of the stack. */
  readonly stack: readonly string[];
  /** The inputs that decide `layers`; null when anything may decide them. */
  readonly inputs: RecordedInputs | null;
  /** The shared runtimes whose layers are the image's first. */
  readonly runtimes: RuntimeFolders;
  /** The layers below the app's own, in the order of the image; those of the runtimes first. */
  readonly layers: readonly RecordedLayer[];
  readonly launch: LaunchPlan;
  readonly labels: Readonly<Record<string, string>>;
}

export interface RecordedBuildpack {
  readonly id: string;
  readonly version: string;
  readonly digest: string;
  /** The text of `store.toml`; null when there was none. */
  readonly store: string | null;
  /** By layer: its types, and the text of `<layer>.toml` without them. */
  readonly layers: Readonly<
    Record<string, { readonly launch: boolean; readonly cache: boolean; readonly toml: string }>
  >;
}

export interface RecordedInputs {
  readonly patterns: {
    readonly inputs: readonly string[];
    readonly presence: readonly string[];
    readonly env: readonly string[];
  };
  readonly content: string;
  readonly presence: string;
  readonly settings: string;
}

export class BuildRecords {
  readonly #cacheDir: string;

  constructor(cacheDir: string) {
    this.#cacheDir = cacheDir;
  }

  /** Null when there is no record that this version of the builder can use. */
  async read(appId: string): Promise<BuildRecord | null> {
    const content = await readIfThere(this.#path(appId));
    if (!content) return null;
    try {
      const record = JSON.parse(content.toString()) as BuildRecord;
      return record.generation === builderGeneration ? record : null;
    } catch {
      return null;
    }
  }

  async write(appId: string, record: BuildRecord): Promise<void> {
    await writeCache(this.#path(appId), JSON.stringify(record), { durable: true });
  }

  /**
   * Call it when a build begins. Returns true if the app's cache was purged and no build has succeeded since then, and
   * forgets the last build.
   */
  async forgetPurged({ id, cacheGeneration }: Pick<App, 'id' | 'cacheGeneration'>): Promise<boolean> {
    const before = Number((await readIfThere(this.#generationPath(id)))?.toString() ?? 0);
    if (before === cacheGeneration) return false;
    await this.forget(id);
    return true;
  }

  /** Call it when the first build after a purge has succeeded. One that fails may leave steps from before the purge. */
  async endPurge({ id, cacheGeneration }: Pick<App, 'id' | 'cacheGeneration'>): Promise<void> {
    await writeCache(this.#generationPath(id), String(cacheGeneration), { durable: true });
  }

  async forget(appId: string): Promise<void> {
    await rm(this.#path(appId), { force: true });
  }

  #generationPath(appId: string): string {
    return join(this.#cacheDir, appId, 'cache-generation');
  }

  #path(appId: string): string {
    return join(this.#cacheDir, appId, 'last-build.json');
  }
}
