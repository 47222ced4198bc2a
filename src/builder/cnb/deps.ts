import type { Engine } from '../../domain/engine.ts';
import type { SettingsDigest } from '../build-key.ts';
import type { InitProgram } from '../init/init.ts';
import type { JailHands } from '../jail/jail.ts';
import type { JailLimits } from '../jail/limits.ts';
import type { ImageRequest } from '../strategy.ts';
import type { AccountFiles } from './account-files.ts';
import type { Group } from './order-toml.ts';
import type { BuildRecord, BuildRecords } from './record.ts';
import type { SharedRuntimes } from './runtimes.ts';

/** The collaborators of every build with buildpacks. */
export interface CnbDeps {
  readonly engine: Engine;
  readonly hands: JailHands;
  readonly platformId: string;
  /** The groups of order.toml. */
  readonly order: readonly Group[];
  readonly init: InitProgram;
  readonly accounts: AccountFiles;
  readonly records: BuildRecords;
  readonly runtimes: SharedRuntimes;
  readonly settings: SettingsDigest;
  readonly limits: JailLimits;
  /** The folder for layers while an image is assembled. */
  readonly scratchDir: string;
  /** The id of a worker's network. */
  readonly networkOf: (worker: number) => Promise<string>;
}

/** One build and its inputs. */
export interface CnbBuild {
  readonly deps: CnbDeps;
  /** The groups that may apply. */
  readonly groups: readonly Group[];
  readonly request: ImageRequest;
  /** For this build's files. Removed after it. */
  readonly directory: string;
  /** The last build's; null for the first. */
  readonly record: BuildRecord | null;
}
