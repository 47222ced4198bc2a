import type { App } from './app.ts';
import type { Build, ProcessType } from './build.ts';
import type { Instance } from './instance.ts';
import type { Release } from './release.ts';
import type { Domain } from './route.ts';

/** A part of a list, sorted, limited and bounded by one property of its rows. */
export interface Page<Property extends string = string> {
  readonly property: Property;
  /** `start` comes first in the sorted list: with `desc` it is the greater value. */
  readonly start: Bound | null;
  readonly end: Bound | null;
  readonly order: 'asc' | 'desc';
  readonly max: number;
}

export interface Bound {
  readonly value: string;
  /** Rows after this value, without it. */
  readonly exclusive: boolean;
}

/** A page with only the row of this id. */
export function only(id: string): Page<'id'> {
  const bound = { value: id, exclusive: false };
  return { property: 'id', start: bound, end: bound, order: 'asc', max: 1 };
}

/** E-mail addresses are null if the account is gone. */
export interface ListedApp {
  readonly app: App;
  readonly ownerEmail: string | null;
  /** Of the newest release. */
  readonly releasedAt: Date | null;
  readonly artifactBytes: number | null;
}

export interface ListedBuild {
  readonly build: Build;
  /** E-mail address of the pusher, or else of the app's owner. */
  readonly accountId: string;
  readonly email: string | null;
  readonly builderName: string | null;
  /** The first release of its artifact after the build began. */
  readonly releaseId: string | null;
}

export interface ListedRelease {
  readonly release: Release;
  readonly email: string | null;
}

export interface ListedInstance {
  readonly instance: Instance;
  /** Of its release. */
  readonly version: number;
  readonly processes: readonly ProcessType[];
}

/**
 * The lists of the API, a page at a time, in one statement for any number of rows. Each returns the page's rows, and one
 * more if there is one. Rows with equal values of the page's property come together, which takes two more statements.
 */
export interface Listings {
  apps(ownerId: string, page: Page<'id' | 'name' | 'updated_at'>): Promise<readonly ListedApp[]>;
  builds(appId: string, page: Page<'created_at' | 'id'>): Promise<readonly ListedBuild[]>;
  releases(appId: string, page: Page<'version' | 'id'>): Promise<readonly ListedRelease[]>;
  /** The newest succeeded release of each artifact, newest first, at most `limit`. */
  newestOfArtifacts(appId: string, limit: number): Promise<readonly Release[]>;
  /** Active instances of releases. */
  instances(appId: string, page: Page<'name' | 'id' | 'updated_at'>): Promise<readonly ListedInstance[]>;
  domains(appId: string, page: Page<'hostname' | 'id' | 'updated_at'>): Promise<readonly Domain[]>;
}
