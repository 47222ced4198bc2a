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
  /** How its roll-out ended. The only part of a release that changes. */
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

/** How many artifacts keep their images for rollbacks. Older images are removed; their commits can be pushed again. */
export const keptArtifacts = 10;

/**
 * The artifacts that an app can roll back to: those of its newest succeeded releases. Their images are kept. An artifact
 * that has left this set returns only with a new release of it. `releases`: newest first. Pure.
 */
export function artifactsToGoBackTo(releases: readonly Release[]): ReadonlySet<string> {
  const kept = new Set<string>();
  for (const { status, artifactId } of releases) {
    if (kept.size === keptArtifacts) break;
    if (status === 'succeeded' && artifactId !== null) kept.add(artifactId);
  }
  return kept;
}

/** Why the app cannot roll back to this release, as the end of a sentence. Null if it can. `releases`: newest first. Pure. */
export function rollbackRefusal(release: Release, releases: readonly Release[]): string | null {
  if (release.artifactId === null) return 'it has no build';
  if (release.status !== 'succeeded') return release.status === 'failed' ? 'it failed' : 'it is not finished';
  if (artifactsToGoBackTo(releases).has(release.artifactId)) return null;
  return `only the ${keptArtifacts} newest builds that were live are kept`;
}

/** Whether a restart of the platform continues its roll-out: the user got the answer that the release exists, and no longer waits. */
export function isResumable({ cause }: Pick<Release, 'cause'>): boolean {
  return cause === 'config' || cause === 'rollback';
}
