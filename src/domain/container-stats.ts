/** What a container has used since its start (counters, which only grow) and uses now. */
export interface ContainerStats {
  /** When the engine read it, by the engine's clock. */
  readonly at: Date;
  readonly cpu: {
    /** CPU time of all its processes, in nanoseconds. */
    readonly usedNs: number;
    /** How long it was held back by its CPU limit, in nanoseconds. */
    readonly throttledNs: number;
  };
  readonly memory: {
    /** Now, as `docker stats` counts it: without the file cache that the kernel would give up first. */
    readonly usedBytes: number;
    readonly limitBytes: number;
  };
  /** Over all of its interfaces but the loopback. */
  readonly network: { readonly receivedBytes: number; readonly sentBytes: number };
  /** Of block devices; what the page cache answered is not in it. */
  readonly blockIo: { readonly readBytes: number; readonly writtenBytes: number };
  /** Processes and threads, now. */
  readonly pids: number;
}
