import type { ContainerStats } from './container-stats.ts';
import type { AttachedStreams, CapturedExec, ExecProcess, ExecRequest, ExecResult, TerminalSize } from './exec.ts';
import type { Labels } from './labels.ts';

/** Which sandbox a container gets. Only engine/policy.ts defines their limits. */
export type Sandbox = 'app' | 'build';

/** All containers of a host share about 3,000 (`kernel.pty.max` less `kernel.pty.reserve`): with this, 180 can open all of theirs. */
export const defaultTerminals = 16;

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
  /** When the host is short of memory, the kernel takes it from containers above this first. At most `memoryBytes`. */
  readonly reservedMemoryBytes?: number;
  /** In CPUs, 0.5 is half of one. */
  readonly cpus: number;
  /** Relative weight under contention; 1024 is the norm. */
  readonly cpuShares?: number;
  readonly pids?: number;
  /** Terminals (ptys) that its processes may open, beside its own. Default: `defaultTerminals`. */
  readonly terminals?: number;
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

/** Where a container's files are on its host. */
export interface ContainerFolders {
  readonly id: string;
  readonly labels: Labels;
  /** It runs, or is paused. */
  readonly runs: boolean;
  /** The folder of what it wrote to its own disk. Null with an image store that does not say. */
  readonly upper: string | null;
  /** Of its volumes, those without a name too (VOLUME in an image). */
  readonly volumes: readonly string[];
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
  /** Where the files of containers with these labels are, those that ended too. */
  folders(labels: Labels): Promise<readonly ContainerFolders[]>;
  /**
   * Each container's use of resources, by id. Up to 256 are read at once. Containers that have not started, have
   * ended or are gone are absent. Takes up to a second, with an engine older than API 1.41 up to two.
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
   * Lines with the engine's own timestamps. Ends at the end of the log, or with `follow` when the container has ended;
   * then the last lines may be missing, so read once more without `follow`. Also ends, without an error, when the signal
   * aborts. The engine does not keep the output of a `build` container: attach to it.
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
