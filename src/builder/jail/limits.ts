/** The resources that one build may use. */
export interface JailLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  /** An app's instance has 1024: under contention a build gets a quarter of an instance's CPU time. */
  readonly cpuShares: number;
  readonly pids: number;
  /** From its start to its end. */
  readonly wallMs: number;
  /** Without any output. */
  readonly idleMs: number;
  /** Without a line from the agent while a command runs, or without a count of what the build has on disk. */
  readonly silenceMs: number;
  /** Output that the pusher gets to read. Of the rest, only the last lines are shown. */
  readonly outputBytes: number;
  /** All that it writes to disk, its cache included. Of a Dockerfile, all that its steps write. */
  readonly diskBytes: number;
  readonly files: number;
  /**
   * No build begins while the engine's disk has less free than both `freeDiskShare` and `freeDiskBytes`. A running build
   * of a Dockerfile, which has no disk limit of its own, is then ended; one with buildpacks when half of both is left.
   */
  readonly freeDiskShare: number;
  readonly freeDiskBytes: number;
  /** Of one layer of the image. */
  readonly layerBytes: number;
}

const megabyte = 1024 * 1024;

/** Source: contracts/hardening.md §3.2 and §3.5. */
export const jailLimits: JailLimits = {
  memoryBytes: 2048 * megabyte,
  cpus: 2,
  cpuShares: 256,
  pids: 1024,
  wallMs: 15 * 60_000,
  idleMs: 5 * 60_000,
  silenceMs: 60_000,
  outputBytes: 5 * megabyte,
  diskBytes: 4096 * megabyte,
  files: 500_000,
  freeDiskShare: 0.1,
  freeDiskBytes: 10 * 1024 * megabyte,
  layerBytes: 2048 * megabyte,
};
