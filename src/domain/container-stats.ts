/** A container's use of resources: counters since its start, which only grow, and values of now. */
export interface ContainerStats {
  /** When the engine read the values, by the engine's clock. */
  readonly at: Date;
  readonly cpu: {
    /** CPU time of all its processes, in nanoseconds. */
    readonly usedNs: number;
    /** How long its CPU limit held it back, in nanoseconds. */
    readonly throttledNs: number;
  };
  readonly memory: {
    /** Memory in use now, as `docker stats` counts it: without the file cache that the kernel would drop first. */
    readonly usedBytes: number;
    readonly limitBytes: number;
  };
  /** Sum over all interfaces except the loopback. */
  readonly network: { readonly receivedBytes: number; readonly sentBytes: number };
  /** Bytes of block devices. Reads from the page cache do not count. */
  readonly blockIo: { readonly readBytes: number; readonly writtenBytes: number };
  /** Number of processes and threads now. */
  readonly pids: number;
}
