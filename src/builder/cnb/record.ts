import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../../system/durable-file.ts';
import { builderGeneration } from '../build-key.ts';
import { readIfThere } from '../files.ts';
import type { LaunchPlan } from './launch-plan.ts';
import type { RecordedLayer } from './recorded-layer.ts';
import type { RuntimeFolders } from './runtime-records.ts';

/**
 * What the last build of an app made and what of it can serve the next one: the part that other platforms read back out
 * of the image's labels. A cache: without it the next build does everything.
 */
export interface BuildRecord {
  readonly generation: number;
  readonly name: string;
  readonly imageId: string;
  readonly group: readonly RecordedBuildpack[];
  /** Ids of the stack's images. */
  readonly stack: readonly string[];
  /** On what the layers below depend; null: on anything. */
  readonly inputs: RecordedInputs | null;
  /** Shared runtimes that the image begins with. */
  readonly runtimes: RuntimeFolders;
  /** Below the app's own layer, in the image's order; those of the runtimes first. */
  readonly layers: readonly RecordedLayer[];
  readonly launch: LaunchPlan;
  readonly labels: Readonly<Record<string, string>>;
}

export interface RecordedBuildpack {
  readonly id: string;
  readonly version: string;
  readonly digest: string;
  /** `store.toml` as it was; null when there was none. */
  readonly store: string | null;
  /** `<layer>.toml` without its types, by layer. */
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

  /** Null when there is none that this version of the builder can use. */
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
    await writeWhole(this.#path(appId), JSON.stringify(record));
  }

  async forget(appId: string): Promise<void> {
    await rm(this.#path(appId), { force: true });
  }

  #path(appId: string): string {
    return join(this.#cacheDir, appId, 'last-build.json');
  }
}
