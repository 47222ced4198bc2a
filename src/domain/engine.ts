import type { Readable } from 'node:stream';
import type { BuildOutput } from './build.ts';
import type { ContainerStats } from './container-stats.ts';
import type { AttachedStreams, CapturedExec, ExecProcess, ExecRequest, ExecResult, TerminalSize } from './exec.ts';
import type { PulledImage, RegistryTransfer } from './registry.ts';
import type { VolumeCopy } from './volume-copy.ts';

/**
 * The container engine of one host. It has no vendor's type. Every call is idempotent: "already done" and "already gone"
 * are success. Every call ends: adapters set a deadline on each, and streams take a signal. Errors are PlatformErrors:
 * `not_found`, `conflict`, `unavailable` (no answer), `internal` with the engine's words.
 */
export interface Engine {
  info(): Promise<EngineInfo>;
  readonly containers: EngineContainers;
  readonly images: EngineImages;
  readonly networks: EngineNetworks;
  readonly volumes: EngineVolumes;
  /**
   * Events of containers that carry all `labels`, from now until the signal aborts. Throws `unavailable` when the
   * connection breaks. Then list again and listen again.
   */
  events(labels: Labels, signal: AbortSignal): AsyncIterable<EngineEvent>;
}

export type Labels = Readonly<Record<string, string>>;

export interface EngineInfo {
  /** "Docker 20.10.24" */
  readonly version: string;
  readonly apiVersion: string;
  /** `graph`: the classic layer store. `containerd`: the snapshotter store. Each needs its own form of a loaded image. */
  readonly imageStore: 'graph' | 'containerd';
  readonly liveRestore: boolean;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly architecture: 'amd64' | 'arm64';
}

export interface EngineEvent {
  readonly kind: 'start' | 'die' | 'oom' | 'destroy';
  readonly containerId: string;
  readonly labels: Labels;
  /** Set in `die` only. */
  readonly exitCode: number | null;
  readonly at: Date;
}

/** Which sandbox a container gets. Only engine/policy.ts defines their limits. */
export type Sandbox = 'app' | 'build';

/** Everything that a container may be given. A host path, device, capability or host namespace cannot be expressed. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly sandbox: Sandbox;
  readonly labels: Labels;
  /** `uid:gid`; adapters refuse root. */
  readonly user: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  readonly hostname?: string;
  /** Memory equals memory and swap together: nothing swaps. */
  readonly memoryBytes: number;
  /** In CPUs, 0.5 is half of one. */
  readonly cpus: number;
  /** Relative weight under contention; 1024 is the norm. */
  readonly cpuShares?: number;
  readonly pids?: number;
  /** Empty: the container has only its loopback. Its address is in the first network with `start`. */
  readonly networks: readonly ContainerNetwork[];
  /** Named volumes of ours, by mount point. */
  readonly volumes?: readonly { readonly name: string; readonly path: string; readonly readOnly?: boolean }[];
  /** Size of the in-memory /tmp. Build containers keep /tmp on disk when this is 0. */
  readonly tmpBytes?: number;
  /** Only volumes and /tmp can be written to. */
  readonly readOnlyRoot?: boolean;
  readonly openStdin?: boolean;
  readonly tty?: boolean;
  /** The signal that `stop` sends. Default: SIGTERM. */
  readonly stopSignal?: string;
}

/** A network that a container is in. */
export interface ContainerNetwork {
  readonly id: string;
  /** Names by which other containers in the network find it, in addition to the container's name. */
  readonly aliases: readonly string[];
  /** `start`: joined before its first process runs. `later`: `create` skips it, and `networks.join` adds the container. */
  readonly when: 'start' | 'later';
}

export interface ContainerState {
  readonly id: string;
  readonly name: string;
  readonly labels: Labels;
  /** `paused`: its processes are frozen and keep their memory. */
  readonly status: 'created' | 'running' | 'paused' | 'exited';
  readonly imageId: string;
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  /** Address in the first network of the container's spec. Null unless it is running or paused. */
  readonly address: string | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

/** A paused container counts as running: it keeps its memory and its address, and `unpause` lets it continue. */
export function countsAsRunning(container: Pick<ContainerState, 'status'> | null | undefined): boolean {
  return container?.status === 'running' || container?.status === 'paused';
}

/** What a container may use. A value that is absent stays as it is. The same bounds apply as for a new container. */
export interface ContainerLimits {
  /** Memory and swap together, in bytes: nothing swaps. At least 6 MiB. */
  readonly memoryBytes?: number;
  /** In CPUs, 0.5 is half of one. */
  readonly cpus?: number;
  /** Relative weight under contention; 1024 is the norm, 2 the least. */
  readonly cpuShares?: number;
  /** Processes and threads. */
  readonly pids?: number;
}

/** A container and its host. */
export interface ContainerOnHost {
  readonly hostId: string;
  readonly containerId: string;
}

export interface ContainerExit {
  readonly exitCode: number;
  /**
   * True is reliable. False with exit code 137 is not: an engine can miss an out-of-memory kill when the container ends
   * together with the killed process (seen on Docker with cgroup v1, about one time in fifty on a busy machine).
   */
  readonly oomKilled: boolean;
}

export interface EngineContainers {
  /** Makes a container and returns its id. If a container with this name and our labels exists, returns that one's id. */
  create(spec: ContainerSpec): Promise<string>;
  start(id: string): Promise<void>;
  /** Stop signal, then SIGKILL after `graceMs`. Resolves when the container has ended. */
  stop(id: string, graceMs: number): Promise<void>;
  kill(id: string, signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' | 'SIGHUP'): Promise<void>;
  /**
   * Freezes every process of a container; memory, address and connections stay. `stop`, `kill` and `remove` end a paused
   * container too. Throws `conflict` when it does not run, `not_found` when it is gone. Engine API 1.24.
   */
  pause(id: string): Promise<void>;
  /** Lets a paused container go on. Throws as `pause` does. Engine API 1.24. */
  unpause(id: string): Promise<void>;
  /**
   * Changes the limits of a container, running or not. They last as long as the container. Throws `conflict` with both
   * numbers if it uses more memory than the new limit; then nothing is changed. Throws `invalid_params` for a limit that
   * would mean "no limit". Engine API 1.40.
   */
  update(id: string, limits: ContainerLimits): Promise<void>;
  /** Removes it with its anonymous volumes; kills it first when it runs. */
  remove(id: string): Promise<void>;
  /** Null when there is no such container. */
  inspect(id: string): Promise<ContainerState | null>;
  list(labels: Labels): Promise<readonly ContainerState[]>;
  /**
   * Bytes that each container has written to its own disk, by id. Its image, volumes and log do not count. Slow, because
   * the engine counts files.
   */
  diskUsage(labels: Labels, signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
  /**
   * Each container's use of resources, by id. Several are read at once. Containers that have not started, have ended or
   * are gone are absent. Engine API 1.41 reads once (`one-shot`). An older engine reads twice and takes 1 to 2 s.
   */
  stats(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, ContainerStats>>;
  /** Resolves when the container ends, at once if it has ended. Throws `not_found` if it is gone. */
  wait(id: string, signal: AbortSignal): Promise<ContainerExit>;
  /**
   * Attach before the start, so that no byte is lost. With `tty` everything comes on stdout. `stdin.end()` closes the
   * process's standard input. The streams end with the container; aborting the signal detaches.
   */
  attach(id: string, signal: AbortSignal): Promise<AttachedStreams>;
  /**
   * Starts a second program in the container and returns its streams. `stdin.end()` ends its input. Throws `not_found`,
   * and `conflict` if the container does not run or is paused. Aborting the signal (or its deadline) detaches: the
   * program's input ends and its output is dropped. After that, Docker 20.10 lets the program run on and Docker 28 kills
   * it. No API call can end it, because the API does not give its process number in the container. At a terminal, ^C
   * reaches it. It ends with the container at the latest. Engine API 1.35.
   */
  readonly exec: (id: string, request: ExecRequest, signal: AbortSignal) => Promise<ExecProcess>;
  /** Runs `exec` to its end, without input, and returns its output as text. */
  runInside(id: string, request: CapturedExec, signal: AbortSignal): Promise<ExecResult>;
  resize(id: string, size: TerminalSize): Promise<void>;
  /**
   * Lines with the engine's own timestamps. Ends at the end of the log, or with `follow` when the container has ended.
   * Also ends, without an error, when the signal aborts. The engine does not keep the output of a `build` container:
   * attach to it.
   */
  logs(id: string, options: ContainerLogOptions, signal: AbortSignal): AsyncIterable<ContainerLogLine>;
}

export interface ContainerLogOptions {
  readonly follow: boolean;
  /** Lines at or after this moment. */
  readonly since?: Date;
  /** Only the newest n lines. */
  readonly tail?: number;
}

export interface ContainerLogLine {
  readonly at: Date;
  /** The timestamp with all nine digits, which distinguishes lines of one millisecond. */
  readonly rawTime: string;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

export interface ImageState {
  /** The engine's own id, `sha256:…`; the artifact's digest. */
  readonly id: string;
  readonly tags: readonly string[];
  readonly labels: Labels;
  /** Uncompressed digests, base first. */
  readonly diffIds: readonly string[];
  readonly sizeBytes: number;
  readonly config: ImageConfig;
}

/** The runtime part of an OCI image configuration. */
export interface ImageConfig {
  readonly env?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly workingDir?: string;
  readonly user?: string;
  readonly exposedPorts?: readonly string[];
  readonly labels?: Labels;
  readonly stopSignal?: string;
}

/** One layer as a tar on disk, known by the SHA-256 of its uncompressed bytes. */
export interface LayerFile {
  readonly diffId: string;
  readonly path: string;
  readonly sizeBytes: number;
}

export interface AssembledImage {
  /** The base image. It must be in the engine. */
  readonly base: string;
  /** On top of the base, lowest first. `path: null` for a layer that the engine already has. */
  readonly layers: readonly (LayerFile | { readonly diffId: string; readonly path: null })[];
  readonly config: ImageConfig;
  readonly tag: string;
}

export interface EngineImages {
  /** By tag or id; null when there is none. */
  inspect(ref: string): Promise<ImageState | null>;
  list(labels: Labels): Promise<readonly ImageState[]>;
  /**
   * Puts layers on a base and returns the new image's id. Equal input gives an equal id. Sends only layers that the engine
   * lacks, in the form that its store needs (contracts/buildpacks.md §2.2a). Checks that the image is complete the first
   * time a base is used. Throws `conflict` with the diffId if the engine lacks a layer that has no file.
   */
  assemble(image: AssembledImage): Promise<string>;
  /** Makes an image of one layer from the tar of a root file system. */
  importRootfs(tar: Readable, tag: string, config: ImageConfig): Promise<string>;
  /** Builds a Dockerfile with the engine's BuildKit, which sets no limits. Throws `build_failed` for failures of the user's Dockerfile. */
  buildDockerfile(build: DockerfileBuild, signal: AbortSignal): Promise<string>;
  /**
   * Sends an image to the registry that its tag names and returns the manifest's digest. Throws `not_found` for an image
   * that the engine does not have, `unauthorized` for a wrong login, `forbidden`, `unavailable` for a registry that does not answer.
   * It has no deadline but the signal. Engine API 1.24.
   */
  push(ref: string, transfer: RegistryTransfer, signal: AbortSignal): Promise<string>;
  /** Fetches `REGISTRY/NAME:TAG` or `REGISTRY/NAME@DIGEST`. Throws as `push` does. Engine API 1.24. */
  pull(ref: string, transfer: RegistryTransfer, signal: AbortSignal): Promise<PulledImage>;
  /**
   * A tar of an image with all of its layers, as `docker save` writes it. A tag in `ref` is in the tar too. The stream ends
   * only when the tar is complete. Otherwise it fails with `not_found`, `unavailable` or `cancelled`. Engine API 1.24.
   */
  export(ref: string, signal: AbortSignal): Readable;
  /**
   * Loads a tar of `export`, with its tags, and returns the image ids, which are unchanged. Throws `invalid_params` for a
   * truncated or damaged tar. Takes at most an hour. Engine API 1.24.
   */
  import(tar: Readable, signal: AbortSignal): Promise<readonly string[]>;
  tag(id: string, tag: string): Promise<void>;
  /** Removes a tag or an image. An image in use stays; that is no error. */
  remove(ref: string): Promise<void>;
  /**
   * Removes entries of the Dockerfile build cache that were unused for `unusedForMs`, the longest unused first, until the
   * cache is no larger than `keepBytes`. Everyone who builds on the engine shares this cache.
   */
  trimBuildCache(limits: { readonly keepBytes: number; readonly unusedForMs: number }): Promise<void>;
}

export interface DockerfileBuild {
  /** Uncompressed tar. */
  readonly context: Readable;
  readonly dockerfile: string;
  readonly tag: string;
  readonly labels: Labels;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly memoryBytes: number;
  readonly cpuShares: number;
  readonly output: BuildOutput;
}

export interface NetworkState {
  readonly id: string;
  readonly name: string;
  readonly labels: Labels;
  readonly subnet: string | null;
  readonly gateway: string | null;
}

export interface EngineNetworks {
  /** Makes a bridge network with a free subnet of `prefixLength` from `pool`. No network or route of the host overlaps it. */
  create(network: {
    readonly name: string;
    readonly labels: Labels;
    readonly pool: string;
    readonly prefixLength: number;
  }): Promise<NetworkState>;
  list(labels: Labels): Promise<readonly NetworkState[]>;
  inspect(id: string): Promise<NetworkState | null>;
  /** Adds a container to a network, running or not. Throws `not_found` if either is gone. */
  join(network: Pick<ContainerNetwork, 'id' | 'aliases'>, containerId: string): Promise<void>;
  remove(id: string): Promise<void>;
}

export interface EngineVolumes {
  create(name: string, labels: Labels): Promise<void>;
  list(labels: Labels): Promise<readonly { readonly name: string; readonly labels: Labels }[]>;
  remove(name: string): Promise<void>;
  /**
   * A tar of everything in a volume: owners by number, modes, times, hard and symbolic links, empty folders. Sockets,
   * extended attributes and access lists are left out. The stream ends only when the tar is complete. Otherwise it fails:
   * `conflict` if files changed meanwhile, `forbidden` for files that the user may not read, `not_found`, `unavailable`,
   * `cancelled`. Engine API 1.24, with a container.
   */
  exportTar(copy: VolumeCopy, signal: AbortSignal): Readable;
  /**
   * Unpacks a tar into a volume. Resolves when all of it is there. Throws `invalid_params` for a truncated or damaged tar,
   * `forbidden` for a file of another owner than the user, `no_capacity` on a full disk, and the errors of `exportTar`.
   * Files from before a failure stay in the volume, so use a new volume each time. Engine API 1.24, with a container.
   */
  importTar(copy: VolumeCopy, tar: Readable, signal: AbortSignal): Promise<void>;
}

/** Labels by which the platform finds its own objects. The store is the source of truth for all that they say. */
export const labelNames = {
  platform: 'paas.platform',
  app: 'paas.app',
  /** `instance`, `build`, `stack`, `artifact`, `cache`, `template`. */
  role: 'paas.role',
  instance: 'paas.instance',
  /** The kind of workload that an instance runs for: `release` or `service`. */
  workload: 'paas.workload',
  /** `v12`, on an instance of a release. */
  release: 'paas.release',
  process: 'paas.process',
  build: 'paas.build',
  /** `yes` on a one-off that is attached to a terminal. It ends with the process that holds the terminal. */
  terminal: 'paas.terminal',
} as const;
