import type { ContainerFolders } from './containers.ts';
import type { Block } from './subnets.ts';

/** What is done on a host beside its engine. Every call ends: those without a signal have a deadline. */
export interface HostHands {
  /** Whether a program listens at the target, as seen from the host. Tries once, for at most 1 s. Throws the signal's reason. */
  answers(target: { readonly address: string; readonly port: number }, signal: AbortSignal): Promise<boolean>;
  /**
   * Sets the rules, or sets them again. Call it repeatedly, because a firewall that another program reloads loses them.
   * Later networks of the platform need no further call. Never throws: returns the reason for a failure.
   */
  applyFirewall(rules: FirewallRules): Promise<FirewallState>;
  /**
   * Limits the queries of containers to the engine's name server, per second, where they are not limited yet. Returns null, or
   * why not, as a whole sentence for `doctor`. Never throws.
   */
  limitQueries(containerIds: readonly string[], perSecond: number): Promise<string | null>;
  /** Removes the platform's rules. May be called if there are none. */
  removeFirewall(platformId: string): Promise<void>;
  /**
   * Limits the memory and the processes of Dockerfile steps until the answer is disposed of. Several builds may hold it at
   * once. Never throws: returns the reason for a failure.
   */
  brakeSteps(): Promise<StepBrake>;
  /**
   * Keeps the steps of Dockerfiles apart until the answer is disposed of: they reach no other step, no container and no port
   * of the host, and what they forge reaches nobody. Covers all steps that begin meanwhile, of other users of the engine too.
   * Several builds may hold it at once. Never throws: returns the reason for a failure.
   */
  separateSteps(rules: StepRules): Promise<StepSeparation>;
  /** The disks that the platform writes to. The engine's is absent while the engine has not reported its data folder. */
  disks(): Promise<readonly HostDisk[]>;
  /** Null if `containerDisk` and `stepDisks` count on this host; otherwise the reason, without its end. */
  whyNotCounted(): Promise<string | null>;
  /**
   * What a running container has on disk, counted outside of it and as another user: its own disk, its volumes, and files
   * that it holds open without a name. Takes as long as its files are many. Throws `not_found` if it does not run, and
   * `unavailable` if it cannot be counted.
   */
  containerDisk(containerId: string, signal: AbortSignal): Promise<ContainerDisk>;
  /**
   * What running steps of Dockerfiles have on disk, by step: those with `mark` in the value of a variable that the engine
   * gave them. Counts where `containerDisk` does. Throws `unavailable`.
   */
  stepDisks(mark: string, signal: AbortSignal): Promise<ReadonlyMap<string, ContainerDisk>>;
  /**
   * Limits the buffers of TCP of a container that runs, to a quarter of its memory. Call it after each start and each change
   * of its limits. True if they are limited, as the kernel itself does with cgroup v2. Never throws.
   */
  limitSockets(containerId: string): Promise<boolean>;
  /** The limits of the kernel that are lower than the host's apps can need. */
  lowKernelLimits(): Promise<readonly KernelLimit[]>;
  /**
   * What containers keep on the disk, by id, as the file system counts it: blocks and not sizes, hard links once, open files
   * without a name too. A container that cannot be counted within some seconds is absent. Never throws but the signal's
   * reason: returns why this host's disks cannot be measured.
   */
  diskUse(containers: readonly ContainerFolders[], signal: AbortSignal): Promise<DiskUseReport>;
  /** The current load of the host, from all of its programs. */
  load(): Promise<HostLoad>;
  /**
   * Networks to which the host forwards packets of containers by a route of its own, without the networks of the engine and
   * the default route.
   */
  reachableNetworks(): Promise<readonly Block[]>;
  /** The host's table of connections. Null on a host without one. */
  connectionTable(): Promise<ConnectionTable | null>;
  /** Destinations of the host's routes, except the default route. A network of the platform must not overlap them. */
  routes(): Promise<readonly Block[]>;
}

/** The hands on the host with this id. Throws `not_found` for an unknown host. */
export type HandsOn = (hostId: string) => HostHands;

/** Facts of the host's engine that the hands need, as the engine reports them. */
export interface EngineOnHost {
  /** False if the engine is reached over TCP, so that it may run on another machine than the hands. */
  readonly isHere: boolean;
  /** The folder of its images, containers and volumes. */
  readonly dataRoot: string;
  readonly cgroupVersion: 1 | 2;
  /** `cgroupfs` or `systemd`. */
  readonly cgroupDriver: string;
  readonly memoryBytes: number;
  /** The engine's default bridge, where Dockerfile steps run. Null if the engine is configured without one. */
  readonly bridge: BridgeOnHost | null;
}

export interface BridgeOnHost {
  readonly interface: string;
  /** Its address, the gateway of its containers. */
  readonly gateway: string;
}

export interface StepRules {
  readonly platformId: string;
  /** Closes link-local addresses (cloud metadata) to steps. */
  readonly closeMetadata: boolean;
}

export type StepSeparation = Disposable &
  (
    | { readonly applied: true }
    /** Without the end of a sentence. */
    | { readonly applied: false; readonly reason: string }
  );

export interface FirewallRules {
  readonly platformId: string;
  /** Whether the engine has networks of the platform. If so, their bridges must be in the hands' network namespace. */
  readonly hasNetworks: boolean;
  /**
   * Closes link-local addresses (cloud metadata) to the engine's default bridge, where Dockerfile steps and other people's
   * containers are, and denied networks to the steps. False sets no rule for that bridge.
   */
  readonly closeMetadata: boolean;
  readonly limits: ConnectionLimits;
  /** Networks that no container of the platform reaches, in CIDR notation without bits behind the prefix. */
  readonly denied: readonly string[];
  /** Networks of the platform that reach some of them all the same. */
  readonly exceptions: readonly NetworkException[];
}

export interface NetworkException {
  /** An app's own network on the host. */
  readonly subnet: string;
  readonly network: string;
}

/** Of each app, at a host. A limit that is 0 is none. Connections that the host opens to an app do not count. */
export interface ConnectionLimits {
  /** Connections at the same time, of any protocol. */
  readonly open: number;
  readonly newPerSecond: number;
  /** DNS queries that leave the app's network. */
  readonly queriesPerSecond: number;
}

export interface ConnectionTable {
  readonly entries: number;
  readonly size: number;
}

export type FirewallState =
  /** `gaps`: rules that this host's kernel does not have, as whole sentences for `doctor`. */
  | { readonly applied: true; readonly gaps: readonly string[] }
  /** A whole sentence for `doctor`. */
  | { readonly applied: false; readonly reason: string };

export interface StepBrake extends Disposable {
  readonly applied: boolean;
  /** For `doctor`: the limit of the steps, or why they have none. */
  readonly message: string;
}

/** A limit that the kernel has once for all programs of the host. */
export interface KernelLimit {
  /** As sysctl names it. */
  readonly name: string;
  readonly value: number;
  /** What it should be. */
  readonly raised: string;
}

export interface HostDisk {
  /** `home`: PAAS_HOME, on the host that the platform runs on. `engine`: images, containers and volumes. */
  readonly holds: 'home' | 'engine';
  readonly path: string;
  /** Null if the path cannot be read: this user lacks the right, or the path is on another machine. */
  readonly space: DiskSpace | null;
}

export interface ContainerDisk {
  /** As the file system has them: a sparse file counts with its blocks, a file with two names once. */
  readonly bytes: number;
  /** Files and folders. */
  readonly files: number;
}

export type DiskUseReport =
  | { readonly measured: true; readonly uses: ReadonlyMap<string, DiskUse> }
  /** A whole sentence for `doctor`. */
  | { readonly measured: false; readonly reason: string };

export interface DiskUse {
  /** With those of `unlinkedBytes`. */
  readonly bytes: number;
  /** Of these, in files that were removed while a process holds them open or mapped. */
  readonly unlinkedBytes: number;
  /** Files and folders. */
  readonly files: number;
  /** What its present processes have written to any file since they began. Not all of it need be on the disk. */
  readonly writtenBytes: number;
}

export interface DiskSpace {
  /** Bytes that a user without privileges can still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Files that can still be made. Both are 0 on a file system without such a limit. */
  readonly freeFiles: number;
  readonly totalFiles: number;
}

export interface HostLoad {
  /** Average number of running and waiting processes over 1, 5 and 15 minutes. */
  readonly averages: readonly [number, number, number];
  readonly cpus: number;
  /** Memory that programs can still take without swapping. */
  readonly freeMemoryBytes: number;
  readonly memoryBytes: number;
}
