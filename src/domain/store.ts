import type { Account, Token } from './actor.ts';
import type { App } from './app.ts';
import type { AppNetwork } from './app-network.ts';
import type { Artifact, Build } from './build.ts';
import type { ConfigVarSource, ConfigVars } from './config-vars.ts';
import type { EventKind, NewEvent, PlatformEvent } from './event.ts';
import type { FormationEntry } from './formation.ts';
import type { Host, HostGroup } from './host.ts';
import type { Instance } from './instance.ts';
import type { Listings } from './listing.ts';
import type { OneOff } from './one-off.ts';
import type { Push } from './push.ts';
import type { Release, ReleaseStatus, ReleaseWithConfig } from './release.ts';
import type { Domain } from './route.ts';
import type { TrafficShare } from './traffic.ts';

/**
 * All state. Each table has one writing folder (named at its port). Asynchronous, because a second adapter will serve
 * PostgreSQL. `find…` answers null where there is nothing; `get…` throws `not_found` with the words a person needs.
 */
export interface Store extends StoreTables {
  /**
   * Runs `work` whole or not at all, one at a time. Use only the tables given to it; no engine, network or file call
   * inside. Changes are published after the commit.
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
  readonly domains: Domains;
  readonly events: Events;
  readonly settings: PlatformSettings;
}

/** What changed, told after the commit. A hint to look again, never the data itself. */
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
    | 'events';
  /** Empty for an event of the platform itself, and for a token. */
  readonly appId: string;
  /** The row's; of a formation entry `<app id>/<type>`; of traffic the app's. */
  readonly id: string;
}

export interface ChangeFeed {
  /**
   * Calls `hear` after each commit, in order. Calls `onGap` when changes may have been missed, because `hear` threw or
   * another process wrote: the listener then looks at everything that it follows. What either throws is logged.
   * Dispose of it with the returned function.
   */
  subscribe(hear: (change: Change) => void, onGap: () => void): () => void;
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

/** Written by deploy (create, destroy) and api (maintenance). */
export interface Apps {
  /** Throws `conflict` when the name is taken. */
  create(app: { readonly name: string; readonly ownerId: string }): Promise<App>;
  find(id: string): Promise<App | null>;
  findByName(name: string): Promise<App | null>;
  /** By name or id. Throws `not_found`: `No app named hello.` with the hint `See your apps: paas apps`. */
  get(nameOrId: string): Promise<App>;
  list(): Promise<readonly App[]>;
  setMaintenance(id: string, on: boolean): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  /** Removes the app and every row that belongs to it, its events excepted. */
  remove(id: string): Promise<void>;
}

/** The app's config as it stands; sealed at rest (AAD: table, app, name). Written by deploy. */
export interface ConfigVarSets {
  get(appId: string): Promise<ConfigVars>;
  /** Who set each variable. */
  sources(appId: string): Promise<Readonly<Record<string, ConfigVarSource>>>;
  /**
   * Null removes a variable. `source` is who changes: a user when not given. Checks the limits on the result. Returns the
   * whole new set. Throws `conflict` where a variable that another source set would become another.
   */
  change(
    appId: string,
    changes: Readonly<Record<string, string | null>>,
    source?: ConfigVarSource,
  ): Promise<ConfigVars>;
  /** Makes these the user's variables. Those of other sources stay as they are, whether they are among them or not. */
  replace(appId: string, vars: ConfigVars): Promise<void>;
}

/** Written by git-receive. */
export interface Pushes {
  create(push: Omit<Push, 'id' | 'createdAt'>): Promise<Push>;
  find(id: string): Promise<Push | null>;
  /** Forgets an app's pushes that no build is of, but for the newest `keep`. */
  prune(appId: string, keep: number): Promise<void>;
}

/** Written by builder. The queue is here: `queued` builds in order of creation. */
export interface Builds {
  create(build: Pick<Build, 'appId' | 'pushId' | 'commit' | 'treeId'>): Promise<Build>;
  find(id: string): Promise<Build | null>;
  /** Newest first. */
  list(appId: string): Promise<readonly Build[]>;
  listByState(state: Build['state']): Promise<readonly Build[]>;
  /** Of each of these apps that has built: when the last of its builds ended that had begun. */
  lastEnded(appIds: readonly string[]): Promise<ReadonlyMap<string, Date>>;
  update(
    id: string,
    changes: Partial<Pick<Build, 'state' | 'reason' | 'artifactId' | 'slot' | 'startedAt' | 'endedAt'>>,
  ): Promise<Build>;
  /** Forgets an app's builds that have ended, but for the newest `keep`. */
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
  /** It is in a registry from now on. Throws `not_found`. */
  setDigest(id: string, digest: string): Promise<void>;
  /** Forgets an app's artifacts that no build and no release is of, but for the newest. */
  prune(appId: string): Promise<void>;
}

/** Written by deploy. Append only, but for the status. The config snapshot is sealed. */
export interface Releases {
  /** Numbers it: the app's highest version + 1. */
  create(
    release: Omit<Release, 'id' | 'version' | 'status' | 'createdAt'> & { readonly config: ConfigVars },
  ): Promise<Release>;
  find(id: string): Promise<ReleaseWithConfig | null>;
  findByVersion(appId: string, version: number): Promise<ReleaseWithConfig | null>;
  /** Newest first. */
  list(appId: string, limit?: number): Promise<readonly Release[]>;
  setStatus(id: string, status: ReleaseStatus): Promise<void>;
  /** Forgets an app's releases but for the newest `keep`, those that get requests, pending ones, and those of known instances. */
  prune(appId: string, keep: number): Promise<void>;
}

/** Which releases of an app get requests. Written by deploy. */
export interface Traffic {
  list(appId: string): Promise<readonly TrafficShare[]>;
  /** One write: all to this release, none to any other. */
  switchAllTo(appId: string, releaseId: string): Promise<void>;
  /** One write: these weights by release id, and none to any other. Throws `invalid_params` for what is no whole number from 0. */
  split(appId: string, weights: Readonly<Record<string, number>>): Promise<void>;
}

/** Written by deploy (types appear and go with releases) and api (scale), through the provisioner's check. */
export interface Formations {
  list(appId: string): Promise<readonly FormationEntry[]>;
  put(entry: Omit<FormationEntry, 'updatedAt'>): Promise<FormationEntry>;
}

/** Two writers, apart: the provisioner creates rows and changes `desired`; the supervisor writes what it saw. */
export interface Instances {
  create(
    instance: Pick<
      Instance,
      'appId' | 'workload' | 'hostId' | 'type' | 'slot' | 'size' | 'command' | 'notBefore' | 'failures'
    >,
  ): Promise<Instance>;
  find(id: string): Promise<Instance | null>;
  /** All that are not in a final state, of one app or of all. */
  listActive(appId?: string): Promise<readonly Instance[]>;
  /** Newest first; final ones too. */
  list(appId: string, limit?: number): Promise<readonly Instance[]>;
  /** The newest instance of each slot that the release ever had, whatever became of it. */
  listNewestOf(releaseId: string): Promise<readonly Instance[]>;
  /** The provisioner's: asks an instance to stop. The first reason stays. */
  desireStopped(id: string, reason: NonNullable<Instance['stopReason']>): Promise<void>;
  /** The supervisor's. Throws `internal` on a backward step of state. */
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
   * Forgets final instances older than `before`, keeping the newest `keep` of each app, and of each release with requests each
   * slot's newest unless that was a one-shot: how a slot was left decides what becomes of it.
   */
  prune(before: Date, keep: number): Promise<void>;
}

/** Written by deploy, in the transaction that places the instance; goes with it. The environment is sealed at rest. */
export interface OneOffs {
  /** `lifeMs`: from now until its deadline. */
  create(oneOff: Omit<OneOff, 'createdAt' | 'deadline'> & { readonly lifeMs: number }): Promise<OneOff>;
  find(instanceId: string): Promise<OneOff | null>;
  /** The instances that nobody has asked to stop although their deadline has passed; the most overdue first. */
  listOverdue(now: Date): Promise<readonly string[]>;
}

/** Written by orchestrator, like the hosts in them. */
export interface HostGroups {
  /** A new one, or other facts of the one with this id. */
  put(group: Pick<HostGroup, 'id' | 'name'>): Promise<HostGroup>;
  list(): Promise<readonly HostGroup[]>;
}

export interface Hosts {
  /** A new one, or other facts of the one with this id. Its group must be there. */
  put(host: Omit<Host, 'createdAt'>): Promise<Host>;
  list(): Promise<readonly Host[]>;
}

/** Written by provisioner. */
export interface AppNetworks {
  /** A new one, or another network in place of the one of this app, host and kind. Throws `not_found` without the app. */
  put(network: AppNetwork): Promise<void>;
  list(filter: { readonly appId?: string; readonly hostId?: string }): Promise<readonly AppNetwork[]>;
}

/** Written by api. Hostnames are unique over the platform: `conflict` names no owner. */
export interface Domains {
  create(domain: { readonly appId: string; readonly hostname: string }): Promise<Domain>;
  list(appId?: string): Promise<readonly Domain[]>;
  remove(appId: string, hostname: string): Promise<void>;
}

/** Written in the transaction of the change it tells of, and never changed. */
export interface Events {
  append(event: NewEvent): Promise<PlatformEvent>;
  /** Newest first. */
  list(filter: { readonly appId?: string; readonly limit: number }): Promise<readonly PlatformEvent[]>;
  /** Oldest first: what was appended after the event with this `seq`; from the beginning with 0. */
  listAfter(seq: number, limit: number): Promise<readonly PlatformEvent[]>;
  /** Forgets these, the oldest first. Gives how many. */
  prune(old: OldEvents): Promise<number>;
}

/** Events of these kinds from before that moment, at most `limit` of them. */
export interface OldEvents {
  readonly kinds: readonly EventKind[];
  readonly before: Date;
  readonly limit: number;
  /** The `seq` of the newest that may be forgotten; absent for any. */
  readonly upTo?: number;
}

/** Small facts of the platform itself: its id, schema facts, the chosen stacks. */
export interface PlatformSettings {
  get(name: string): Promise<string | null>;
  set(name: string, value: string): Promise<void>;
}
