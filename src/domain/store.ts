import type { Account, Token } from './actor.ts';
import type { AllowedNetwork } from './allowed-network.ts';
import type { App } from './app.ts';
import type { AppNetwork } from './app-network.ts';
import type { Artifact, Build } from './build.ts';
import type { ConfigVarSource, ConfigVars } from './config-vars.ts';
import type { EventKind, NewEvent, PlatformEvent } from './event.ts';
import type { FormationEntry } from './formation.ts';
import type { Host, HostGroup } from './host.ts';
import type { Instance } from './instance.ts';
import type { Listings } from './listing.ts';
import type { PromisedName } from './names.ts';
import type { OneOff } from './one-off.ts';
import type { Push } from './push.ts';
import type { Release, ReleaseStatus, ReleaseWithConfig } from './release.ts';
import type { Domain } from './route.ts';
import type { TrafficShare } from './traffic.ts';

/**
 * All state of the platform. One room writes each table; its port names that room. Asynchronous, because PostgreSQL will
 * serve it too. `find…` returns null if there is no row. `get…` throws `not_found` with a message for the user.
 */
export interface Store extends StoreTables {
  /**
   * Runs `work` completely or not at all, one transaction at a time. `work` uses only the tables given to it and calls no
   * engine, network or file. Changes are published after the commit.
   */
  transaction<T>(work: (tables: StoreTables) => Promise<T>): Promise<T>;
  readonly changes: ChangeFeed;
  readonly listings: Listings;
  close(): Promise<void>;
}

export interface StoreTables {
  readonly accounts: Accounts;
  readonly tokens: Tokens;
  readonly apps: Apps;
  readonly configVars: ConfigVarSets;
  readonly pushes: Pushes;
  readonly builds: Builds;
  readonly artifacts: Artifacts;
  readonly releases: Releases;
  readonly traffic: Traffic;
  readonly formations: Formations;
  readonly instances: Instances;
  readonly oneOffs: OneOffs;
  readonly hostGroups: HostGroups;
  readonly hosts: Hosts;
  readonly appNetworks: AppNetworks;
  readonly allowedNetworks: AllowedNetworks;
  readonly domains: Domains;
  readonly names: Names;
  readonly events: Events;
  readonly settings: PlatformSettings;
}

/** A change, reported after the commit. It is a hint to read again and does not contain the data. */
export interface Change {
  readonly table:
    | 'tokens'
    | 'apps'
    | 'builds'
    | 'releases'
    | 'traffic'
    | 'formations'
    | 'instances'
    | 'domains'
    | 'allowedNetworks'
    | 'events';
  /** Empty for an event of the platform itself and for a token. */
  readonly appId: string;
  /** The row's id. For a formation entry `<app id>/<type>`; for traffic the app's id. */
  readonly id: string;
}

export interface ChangeFeed {
  /**
   * Calls `onChange` after each commit, in the sequence of commits. Calls `onGap` if changes may have been missed, because
   * `onChange` threw or another process wrote. The listener then reads everything that it follows. Errors of either are
   * logged. The returned function ends the subscription.
   */
  subscribe(onChange: (change: Change) => void, onGap: () => void): () => void;
}

/** Written by launcher (the first account) and api. */
export interface Accounts {
  create(email: string): Promise<Account>;
  find(id: string): Promise<Account | null>;
  list(): Promise<readonly Account[]>;
}

/** Written by launcher (the first) and operations. */
export interface Tokens {
  create(token: Omit<Token, 'id' | 'createdAt' | 'lastUsedAt'>): Promise<Token>;
  findBySha256(sha256: string): Promise<Token | null>;
  list(accountId: string): Promise<readonly Token[]>;
  touch(id: string, at: Date): Promise<void>;
  remove(id: string): Promise<void>;
}

/** Written by deploy (create, destroy) and api (maintenance, purges). */
export interface Apps {
  /** Its uid is `firstUid` or above, and was never given before, also not to an app that is gone. Throws `conflict` when the name is taken. */
  create(app: { readonly name: string; readonly ownerId: string; readonly firstUid?: number }): Promise<App>;
  find(id: string): Promise<App | null>;
  findByName(name: string): Promise<App | null>;
  /** Finds the app by name or id. Throws `not_found`: `No app named hello.` with the hint `See your apps: paas apps`. */
  get(nameOrId: string): Promise<App>;
  list(): Promise<readonly App[]>;
  setMaintenance(id: string, on: boolean): Promise<void>;
  /** Raises `cacheGeneration`. */
  purgeCache(id: string): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  /** Removes the app and all of its rows except its events. */
  remove(id: string): Promise<void>;
}

/** The app's current config, sealed at rest (AAD: table, app, name). Written by deploy. */
export interface ConfigVarSets {
  get(appId: string): Promise<ConfigVars>;
  /** Who set each variable. */
  sources(appId: string): Promise<Readonly<Record<string, ConfigVarSource>>>;
  /**
   * Null removes a variable. `source` is who makes the change; the default is a user. Checks the limits on the result.
   * Returns the whole new set. Throws `conflict` if a variable that another source set would change.
   */
  change(
    appId: string,
    changes: Readonly<Record<string, string | null>>,
    source?: ConfigVarSource,
  ): Promise<ConfigVars>;
  /** Replaces the user's variables by these. Variables of other sources stay unchanged, even if `vars` contains their names. */
  replace(appId: string, vars: ConfigVars): Promise<void>;
}

/** Written by git-receive. */
export interface Pushes {
  create(push: Omit<Push, 'id' | 'createdAt'>): Promise<Push>;
  find(id: string): Promise<Push | null>;
  /** Removes an app's pushes that have no build, except the newest `keep`. */
  prune(appId: string, keep: number): Promise<void>;
}

/** Written by builder. It is the queue too: `queued` builds, oldest first. */
export interface Builds {
  create(build: Pick<Build, 'appId' | 'pushId' | 'commit' | 'treeId'>): Promise<Build>;
  find(id: string): Promise<Build | null>;
  /** Newest first. */
  list(appId: string): Promise<readonly Build[]>;
  listByState(state: Build['state']): Promise<readonly Build[]>;
  /** For each of these apps: when the last build that had begun ended. Apps without such a build are absent. */
  lastEnded(appIds: readonly string[]): Promise<ReadonlyMap<string, Date>>;
  update(
    id: string,
    changes: Partial<Pick<Build, 'state' | 'reason' | 'artifactId' | 'worker' | 'startedAt' | 'endedAt'>>,
  ): Promise<Build>;
  /** Removes an app's builds that have ended, except the newest `keep`. */
  prune(appId: string, keep: number): Promise<void>;
}

/** Written by builder. */
export interface Artifacts {
  create(artifact: Omit<Artifact, 'id' | 'digest' | 'createdAt'>): Promise<Artifact>;
  find(id: string): Promise<Artifact | null>;
  /** The newest artifact of this app with this key. */
  findByKey(appId: string, cacheKey: string): Promise<Artifact | null>;
  /** Newest first. */
  list(appId: string): Promise<readonly Artifact[]>;
  /** Sets the digest of an artifact that a registry now has. Throws `not_found`. */
  setDigest(id: string, digest: string): Promise<void>;
  /** Removes an app's artifacts that no build and no release uses, except the newest. */
  prune(appId: string): Promise<void>;
}

/** Written by deploy. Append only, except the status. The config snapshot is sealed. */
export interface Releases {
  /** Gives it the app's highest version + 1. */
  create(
    release: Omit<Release, 'id' | 'version' | 'status' | 'createdAt'> & { readonly config: ConfigVars },
  ): Promise<Release>;
  find(id: string): Promise<ReleaseWithConfig | null>;
  findByVersion(appId: string, version: number): Promise<ReleaseWithConfig | null>;
  /** Newest first. */
  list(appId: string, limit?: number): Promise<readonly Release[]>;
  setStatus(id: string, status: ReleaseStatus): Promise<void>;
  /** Removes an app's releases except the newest `keep`, those with traffic, pending ones, and those of known instances. */
  prune(appId: string, keep: number): Promise<void>;
}

/** Which releases of an app get requests. Written by deploy. */
export interface Traffic {
  list(appId: string): Promise<readonly TrafficShare[]>;
  /** Gives all traffic to this release, in one write. */
  switchAllTo(appId: string, releaseId: string): Promise<void>;
  /** Sets the weights by release id, in one write. Other releases get no traffic. Throws `invalid_params` unless all are whole numbers from 0. */
  split(appId: string, weights: Readonly<Record<string, number>>): Promise<void>;
}

/** Written by deploy (types appear and go with releases) and api (scale), through the provisioner's check. */
export interface Formations {
  list(appId: string): Promise<readonly FormationEntry[]>;
  put(entry: Omit<FormationEntry, 'updatedAt'>): Promise<FormationEntry>;
}

/** Two writers of separate columns: the provisioner creates rows and changes `desired`; the supervisor writes what it observed. */
export interface Instances {
  create(
    instance: Pick<
      Instance,
      'appId' | 'workload' | 'hostId' | 'type' | 'slot' | 'size' | 'command' | 'notBefore' | 'failures'
    >,
  ): Promise<Instance>;
  find(id: string): Promise<Instance | null>;
  /** All instances that are not in a final state, of one app or of all apps. */
  listActive(appId?: string): Promise<readonly Instance[]>;
  /** Newest first; final ones too. */
  list(appId: string, limit?: number): Promise<readonly Instance[]>;
  /** The newest instance of each slot that the release ever had, in any state. */
  listNewestOf(releaseId: string): Promise<readonly Instance[]>;
  /** For the provisioner: asks an instance to stop. The first reason stays. */
  desireStopped(id: string, reason: NonNullable<Instance['stopReason']>): Promise<void>;
  /** For the supervisor. Throws `internal` on a backward step of state. */
  observe(
    id: string,
    seen: Partial<
      Pick<
        Instance,
        'state' | 'containerId' | 'address' | 'port' | 'exitCode' | 'reason' | 'startedAt' | 'upAt' | 'endedAt'
      >
    >,
  ): Promise<Instance>;
  /**
   * Removes final instances older than `before`. Keeps the newest `keep` of each app. Of each release with traffic it also
   * keeps the newest of each slot except one-shots, because how it ended decides about the next instance in the slot.
   */
  prune(before: Date, keep: number): Promise<void>;
}

/** Written by deploy, in the transaction that places the instance; goes with it. The environment is sealed at rest. */
export interface OneOffs {
  /** `lifeMs`: from now until its deadline. */
  create(oneOff: Omit<OneOff, 'createdAt' | 'deadline'> & { readonly lifeMs: number }): Promise<OneOff>;
  find(instanceId: string): Promise<OneOff | null>;
  /** Instances whose deadline has passed and that were not asked to stop, the most overdue first. */
  listOverdue(now: Date): Promise<readonly string[]>;
}

/** Written by orchestrator, like the hosts in them. */
export interface HostGroups {
  /** Creates the row, or replaces the one with this id. */
  put(group: Pick<HostGroup, 'id' | 'name'>): Promise<HostGroup>;
  list(): Promise<readonly HostGroup[]>;
}

export interface Hosts {
  /** Creates the row, or replaces the one with this id. Its group must exist. */
  put(host: Omit<Host, 'createdAt'>): Promise<Host>;
  list(): Promise<readonly Host[]>;
}

/** Written by provisioner. */
/** Written by the administrator's operations. */
export interface AllowedNetworks {
  /** Throws `not_found` for an app that is gone. */
  put(network: Pick<AllowedNetwork, 'appId' | 'network'>): Promise<void>;
  remove(network: Pick<AllowedNetwork, 'appId' | 'network'>): Promise<void>;
  /** Of one app or of all. */
  list(appId?: string): Promise<readonly AllowedNetwork[]>;
}

export interface AppNetworks {
  /** Creates the row, or replaces the one of this app, host and kind. Throws `not_found` if the app is gone. */
  put(network: AppNetwork): Promise<void>;
  list(filter: { readonly appId?: string; readonly hostId?: string }): Promise<readonly AppNetwork[]>;
}

/** Written by api. Hostnames are unique over the platform: `conflict` names no owner. */
export interface Domains {
  create(domain: { readonly appId: string; readonly hostname: string }): Promise<Domain>;
  list(appId?: string): Promise<readonly Domain[]>;
  remove(appId: string, hostname: string): Promise<void>;
  /**
   * The hostnames, with their apps' owners, that meet this one in a wildcard: a wildcard over it, or, if it is a wildcard,
   * what it stands over. The hostname itself is not among them.
   */
  related(hostname: string): Promise<readonly { readonly hostname: string; readonly ownerId: string }[]>;
}

/** Written by operations. One row for each name and state. */
export interface Names {
  /** Creates the row, or replaces the one of this name and state. */
  put(name: Omit<PromisedName, 'createdAt'>): Promise<PromisedName>;
  find(name: string, state: PromisedName['state']): Promise<PromisedName | null>;
  /** Of one account, or all. By name. */
  list(accountId?: string): Promise<readonly PromisedName[]>;
  /** Kept hostnames that meet this one in a wildcard, as `Domains.related` has it. */
  related(hostname: string): Promise<readonly PromisedName[]>;
  /** Whether there was one. */
  remove(name: string, state: PromisedName['state']): Promise<boolean>;
  /** Removes the kept names from before that moment, and of this account all but the newest `keep`. */
  prune(before: Date, newest: { readonly accountId: string; readonly keep: number }): Promise<void>;
}

/** Written in the transaction of the change that it reports, and never changed. */
export interface Events {
  append(event: NewEvent): Promise<PlatformEvent>;
  /** Newest first. */
  list(filter: { readonly appId?: string; readonly limit: number }): Promise<readonly PlatformEvent[]>;
  /** Events after the one with this `seq`, oldest first. 0 reads from the beginning. */
  listAfter(seq: number, limit: number): Promise<readonly PlatformEvent[]>;
  /** Removes these events, oldest first. Returns how many. */
  prune(old: OldEvents): Promise<number>;
}

/** Events of these kinds from before that moment, at most `limit` of them. */
export interface OldEvents {
  readonly kinds: readonly EventKind[];
  readonly before: Date;
  readonly limit: number;
  /** The `seq` of the newest event that may be removed. Absent: no bound. */
  readonly upTo?: number;
}

/** Small facts of the platform itself: its id, schema facts, the chosen stacks. */
export interface PlatformSettings {
  get(name: string): Promise<string | null>;
  set(name: string, value: string): Promise<void>;
}
