import type { App } from './app.ts';
import type { Build, ProcessType } from './build.ts';
import type { Instance } from './instance.ts';
import type { Release } from './release.ts';
import type { Domain } from './route.ts';

/** A part of a list: sorted, cut and bounded by one property of its rows. */
export interface Page<Property extends string = string> {
  readonly property: Property;
  /** The bounds are in the order of travel: with `desc` the start is the greater. */
  readonly start: Bound | null;
  readonly end: Bound | null;
  readonly order: 'asc' | 'desc';
  readonly max: number;
}

export interface Bound {
  readonly value: string;
  /** What lies past it, without itself. */
  readonly exclusive: boolean;
}

/** The page of the one row with this id. */
export function only(id: string): Page<'id'> {
  const bound = { value: id, exclusive: false };
  return { property: 'id', start: bound, end: bound, order: 'asc', max: 1 };
}

/** E-mail addresses are null where the account is gone. */
export interface ListedApp {
  readonly app: App;
  readonly ownerEmail: string | null;
  /** Of the newest release. */
  readonly releasedAt: Date | null;
  readonly artifactBytes: number | null;
}

export interface ListedBuild {
  readonly build: Build;
  /** Who pushed, or else the app's owner. */
  readonly accountId: string;
  readonly email: string | null;
  readonly builderName: string | null;
  /** The first deploy of its artifact after it began. */
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
 * What lists show, a page at a time, in one statement whatever the number of rows. Each gives the page's rows and one
 * more where there is one. Rows that are equal by the page's property come together, in two statements more.
 */
export interface Listings {
  apps(ownerId: string, page: Page<'id' | 'name' | 'updated_at'>): Promise<readonly ListedApp[]>;
  builds(appId: string, page: Page<'created_at' | 'id'>): Promise<readonly ListedBuild[]>;
  releases(appId: string, page: Page<'version' | 'id'>): Promise<readonly ListedRelease[]>;
  /** Of the newest succeeded release of each artifact the newest, as many as that; newest first. */
  newestOfArtifacts(appId: string, limit: number): Promise<readonly Release[]>;
  /** Active instances of releases. */
  instances(appId: string, page: Page<'name' | 'id' | 'updated_at'>): Promise<readonly ListedInstance[]>;
  domains(appId: string, page: Page<'hostname' | 'id' | 'updated_at'>): Promise<readonly Domain[]>;
}
