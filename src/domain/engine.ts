import type { Readable } from 'node:stream';
import type { BuildOutput } from './build.ts';
import type { ContainerStats } from './container-stats.ts';
import type { AttachedStreams, CapturedExec, ExecProcess, ExecRequest, ExecResult, TerminalSize } from './exec.ts';
import type { PulledImage, RegistryTransfer } from './registry.ts';
import type { VolumeCopy } from './volume-copy.ts';

/**
 * The container engine, as the platform needs it. No vendor's type appears here. Every call is idempotent: "already
 * done" and "already gone" are success. Every call ends: adapters put a deadline on each (streams take a signal).
 * Errors are PlatformErrors: `not_found`, `conflict`, `unavailable` (no answer), `internal` with the engine's words.
 */
export interface Engine {
  info(): Promise<EngineInfo>;
  readonly containers: EngineContainers;
  readonly images: EngineImages;
  readonly networks: EngineNetworks;
  readonly volumes: EngineVolumes;
  /**
   * What happens to containers that carry all `labels`, from now on, until the signal aborts. Ends with `unavailable`
   * when the connection breaks: list again, then listen again.
   */
  events(labels: Labels, signal: AbortSignal): AsyncIterable<EngineEvent>;
}

export type Labels = Readonly<Record<string, string>>;

export interface EngineInfo {
  /** "Docker 20.10.24" */
  readonly version: string;
  readonly apiVersion: string;
  /** `graph`: the classic layer store. `containerd`: the snapshotter store. They want other forms of a loaded image. */
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
  /** Of `die`. */
  readonly exitCode: number | null;
  readonly at: Date;
}

/** Which sandbox a container gets; the limits of each are engine/policy.ts and nowhere else. */
export type Sandbox = 'app' | 'build';

/** All that may be asked of a container. What cannot be said here cannot be had: no host path, device, capability or host namespace. */
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
  /** None: it has no network at all, and only itself to talk to. The first of `start` is the one that its address is in. */
  readonly networks: readonly ContainerNetwork[];
  /** Named volumes of ours, by mount point. */
  readonly volumes?: readonly { readonly name: string; readonly path: string; readonly readOnly?: boolean }[];
  /** Size of the in-memory /tmp. Build containers keep /tmp on disk when this is 0. */
  readonly tmpBytes?: number;
  /** Nothing but volumes and /tmp can be written to. */
  readonly readOnlyRoot?: boolean;
  readonly openStdin?: boolean;
  readonly tty?: boolean;
  /** Sent at stop; default SIGTERM. */
  readonly stopSignal?: string;
}

/** A network that a container is in. */
export interface ContainerNetwork {
  readonly id: string;
  /** Names by which the others in the network find it, beside the container's own. */
  readonly aliases: readonly string[];
  /** `start`: before its first process runs. `later`: `create` leaves it out, and `networks.join` puts the container in. */
  readonly when: 'start' | 'later';
}

export interface ContainerState {
  readonly id: string;
  readonly name: string;
  readonly labels: Labels;
  /** `paused`: its processes stand still and keep their memory. */
  readonly status: 'created' | 'running' | 'paused' | 'exited';
  readonly imageId: string;
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  /** Address in the first network of the container's spec, null while it neither runs nor is paused. */
  readonly address: string | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

/** A paused container counts as running: it holds its memory, its address and its place, and goes on when asked to. */
export function countsAsRunning(container: Pick<ContainerState, 'status'> | null | undefined): boolean {
  return container?.status === 'running' || container?.status === 'paused';
}

/** What a container may use. Absent: stays as it is. The policy's bounds are those of a new container. */
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

/** Which container of which host. */
export interface ContainerOnHost {
  readonly hostId: string;
  readonly containerId: string;
}

export interface ContainerExit {
  readonly exitCode: number;
  /**
   * True is sure. False with exit code 137 is not: an engine can miss the lack of memory when the container ends together
   * with the process that was killed (seen on Docker with cgroup v1, about one time in fifty on a busy machine).
   */
  readonly oomKilled: boolean;
}

export interface EngineContainers {
  /** Makes a container and returns its id. A container of this name with our labels is returned instead of made twice. */
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
   * Changes the limits of a container, running or not; from then on they are the container's own. Throws `conflict` with
   * both numbers when it uses more memory than it would have: nothing is changed then. `invalid_params` for a limit that
   * would mean "no limit". Engine API 1.40.
   */
  update(id: string, limits: ContainerLimits): Promise<void>;
  /** Removes it with its anonymous volumes; kills it first when it runs. */
  remove(id: string): Promise<void>;
  /** Null when there is no such container. */
  inspect(id: string): Promise<ContainerState | null>;
  list(labels: Labels): Promise<readonly ContainerState[]>;
  /**
   * Bytes that each container has written to its own disk, beside its image, volumes and log; by id. Slow, as the engine
   * counts files.
   */
  diskUsage(labels: Labels, signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
  /**
   * What each container has used since its start and uses now, by id; some are read at once. One that has not started, has
   * ended or is gone is absent. The reading that does not wait for a second one: Engine API 1.41 (`one-shot`); an older
   * engine takes a second or two.
   */
  stats(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, ContainerStats>>;
  /** Resolves when the container ends; at once when it has. Throws `not_found` when it is gone. */
  wait(id: string, signal: AbortSignal): Promise<ContainerExit>;
  /**
   * Attaches before start, so that not a byte is lost. With `tty` everything comes on stdout. `stdin.end()` closes the
   * process's standard input. The streams end with the container; aborting the signal detaches.
   */
  attach(id: string, signal: AbortSignal): Promise<AttachedStreams>;
  /**
   * Starts a program beside the container's own and holds its streams. `stdin.end()` is the end of its input. Throws
   * `not_found`, and `conflict` when the container does not run or is paused. Aborting the signal (a deadline's too) lets
   * go of it: its input ends and its output is dropped. Then Docker 20.10 lets the program go on, Docker 28 kills it; no
   * call of the API ends it, as its process number in the container is not to be had. At a terminal it hears ^C, and it
   * ends with the container. Engine API 1.35.
   */
  readonly exec: (id: string, request: ExecRequest, signal: AbortSignal) => Promise<ExecProcess>;
  /** `exec` to its end, without input, and what it wrote as text. */
  runInside(id: string, request: CapturedExec, signal: AbortSignal): Promise<ExecResult>;
  resize(id: string, size: TerminalSize): Promise<void>;
  /**
   * Lines with the engine's own timestamps. Ends when the container has ended (follow), at the end of the log or, without an
   * error, when the signal aborts. The output of a `build` container is not kept: attach to it.
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
  /** The timestamp with all nine digits, for telling lines of one millisecond apart. */
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
  /** The image that lies below; must be in the engine. */
  readonly base: string;
  /** On top of the base, in order. A layer the engine has already may come without a file: it is not sent again. */
  readonly layers: readonly (LayerFile | { readonly diffId: string; readonly path: null })[];
  readonly config: ImageConfig;
  readonly tag: string;
}

export interface EngineImages {
  /** By tag or id; null when there is none. */
  inspect(ref: string): Promise<ImageState | null>;
  list(labels: Labels): Promise<readonly ImageState[]>;
  /**
   * Puts layers on a base and returns the new image's id. Sends only what the engine lacks, in the form its store wants
   * (contracts/buildpacks.md §2.2a), and proves the result whole the first time a base is used. Equal input, equal id.
   * Throws `conflict` naming the diffId when a layer without a file is unknown to the engine.
   */
  assemble(image: AssembledImage): Promise<string>;
  /** Makes an image of one layer out of a root file system's tar. */
  importRootfs(tar: Readable, tag: string, config: ImageConfig): Promise<string>;
  /** Builds a Dockerfile through the engine's BuildKit, which limits nothing. User's failures throw `build_failed`. */
  buildDockerfile(build: DockerfileBuild, signal: AbortSignal): Promise<string>;
  /**
   * Sends an image to the registry that its tag names and returns the manifest's digest. Throws `not_found` for an image
   * that is not here, `unauthorized` for a wrong login, `forbidden`, `unavailable` for a registry that does not answer.
   * The signal alone ends it. Engine API 1.24.
   */
  push(ref: string, transfer: RegistryTransfer, signal: AbortSignal): Promise<string>;
  /** Fetches `REGISTRY/NAME:TAG` or `REGISTRY/NAME@DIGEST`. Throws as `push` does. Engine API 1.24. */
  pull(ref: string, transfer: RegistryTransfer, signal: AbortSignal): Promise<PulledImage>;
  /**
   * An image with all of its layers as a tar, as `docker save` writes it; by tag, the tag is in it. Ends only when it is
   * whole. Otherwise it fails: `not_found`, `unavailable`, `cancelled`. Engine API 1.24.
   */
  export(ref: string, signal: AbortSignal): Readable;
  /**
   * Takes in what `export` gave, with its tags, and returns the ids: the same as before. Throws `invalid_params` for a tar
   * that is cut, damaged or that breaks off. At most an hour. Engine API 1.24.
   */
  import(tar: Readable, signal: AbortSignal): Promise<readonly string[]>;
  tag(id: string, tag: string): Promise<void>;
  /** Removes a tag or an image; an image in use stays and that is no error. */
  remove(ref: string): Promise<void>;
  /**
   * Of the cache of Dockerfile builds, removes what was not used for so long, the longest unused first, until the whole
   * is no larger than `keepBytes`. The cache is the engine's: whoever builds on it shares it.
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
  /** A bridge of its own with a free subnet of `prefixLength` out of `pool`, checked against every network and route of the host. */
  create(network: {
    readonly name: string;
    readonly labels: Labels;
    readonly pool: string;
    readonly prefixLength: number;
  }): Promise<NetworkState>;
  list(labels: Labels): Promise<readonly NetworkState[]>;
  inspect(id: string): Promise<NetworkState | null>;
  /** Puts a container into a network, running or not. Throws `not_found` when one of them is gone. */
  join(network: Pick<ContainerNetwork, 'id' | 'aliases'>, containerId: string): Promise<void>;
  remove(id: string): Promise<void>;
}

export interface EngineVolumes {
  create(name: string, labels: Labels): Promise<void>;
  list(labels: Labels): Promise<readonly { readonly name: string; readonly labels: Labels }[]>;
  remove(name: string): Promise<void>;
  /**
   * All that is in a volume as a tar: owners by number, modes, times, hard and symbolic links, empty folders. It ends only
   * when it is whole. Otherwise it fails: `conflict` when files changed meanwhile, `forbidden` for what the user may not
   * read, `not_found`, `unavailable`, `cancelled`. Sockets, extended attributes and access lists are not in it.
   * Engine API 1.24, with a container.
   */
  exportTar(copy: VolumeCopy, signal: AbortSignal): Readable;
  /**
   * Unpacks a tar into a volume; resolves when all of it is there. Throws `invalid_params` for a tar that is cut, damaged
   * or that breaks off, `forbidden` for a file of another owner than the user, `no_capacity` on a full disk, and as
   * `exportTar` does. What came before a failure stays in the volume: use a new one each time. Engine API 1.24, with a
   * container.
   */
  importTar(copy: VolumeCopy, tar: Readable, signal: AbortSignal): Promise<void>;
}

/** Labels by which the platform finds its own things again. Nothing is stored in them that the store does not know better. */
export const labelNames = {
  platform: 'paas.platform',
  app: 'paas.app',
  /** `instance`, `build`, `stack`, `artifact`, `cache`, `template`. */
  role: 'paas.role',
  instance: 'paas.instance',
  /** The kind of what an instance runs for: `release` or `service`. */
  workload: 'paas.workload',
  /** `v12`, on an instance of a release. */
  release: 'paas.release',
  process: 'paas.process',
  build: 'paas.build',
  /** `yes` on a one-off that a person's terminal holds: it is over when the platform that had the terminal is. */
  terminal: 'paas.terminal',
} as const;
