import type { Engine } from '../../domain/engine.ts';
import type { SettingsDigest } from '../build-key.ts';
import type { JailLimits } from '../jail/limits.ts';
import type { ImageRequest } from '../strategy.ts';
import type { Group } from './order-toml.ts';
import type { BuildRecord, BuildRecords } from './record.ts';
import type { SharedRuntimes } from './runtimes.ts';

/** What builds with buildpacks have in common. */
export interface CnbDeps {
  readonly engine: Engine;
  readonly platformId: string;
  readonly order: readonly Group[];
  readonly records: BuildRecords;
  readonly runtimes: SharedRuntimes;
  readonly settings: SettingsDigest;
  readonly limits: JailLimits;
  /** Where layers lie while an image is put together. */
  readonly scratchDir: string;
  /** The network of a place for builds. */
  readonly networkOf: (slot: number) => Promise<string>;
}

/** One build: of what, after what, and where its files may lie. */
export interface CnbBuild {
  readonly deps: CnbDeps;
  /** Those that may apply. */
  readonly groups: readonly Group[];
  readonly request: ImageRequest;
  /** Its own, and removed with it. */
  readonly directory: string;
  readonly record: BuildRecord | null;
}
