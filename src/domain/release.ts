import type { ConfigVars } from './config-vars.ts';

/** Immutable `vN`: an artifact, a snapshot of the config, and why it was made. */
export interface Release {
  readonly id: string;
  readonly appId: string;
  readonly version: number;
  /** Null while the app has config but nothing was built yet. */
  readonly artifactId: string | null;
  readonly cause: ReleaseCause;
  /** One line for people: "Deploy 3ab12cf", "Set A, B config vars", "Rollback to v3". */
  readonly description: string;
  readonly accountId: string;
  /** The only thing of a release that changes: how its roll-out ended. */
  readonly status: ReleaseStatus;
  readonly createdAt: Date;
}

export const releaseCauses = ['create', 'deploy', 'config', 'rollback'] as const;
export type ReleaseCause = (typeof releaseCauses)[number];

export const releaseStatuses = ['pending', 'succeeded', 'failed'] as const;
export type ReleaseStatus = (typeof releaseStatuses)[number];

export interface ReleaseWithConfig extends Release {
  readonly config: ConfigVars;
}
