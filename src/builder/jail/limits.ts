/** What one build may use of the machine. */
export interface JailLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Against 1024 of an app: under contention a build gets a quarter of what an instance gets. */
  readonly cpuShares: number;
  readonly pids: number;
  /** From its start to its end, whatever it does. */
  readonly wallMs: number;
  /** Without a word of output. */
  readonly idleMs: number;
  /** Without a sign of life from the agent while something runs. */
  readonly silenceMs: number;
  /** What the pusher gets to read; of more, the end is kept. */
  readonly outputBytes: number;
  /** All that it writes, the cache included. */
  readonly diskBytes: number;
  readonly files: number;
  /** Less than both left on the engine's disk, and no build begins; one of a Dockerfile, which has no disk limit, ends. */
  readonly freeDiskShare: number;
  readonly freeDiskBytes: number;
  /** One layer of the image. */
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
