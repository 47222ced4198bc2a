import type { ContainerStats } from '../domain/container-stats.ts';
import { atLeast } from './api-version.ts';
import type { Connection } from './connection.ts';
import { answered } from './docker-errors.ts';
import type { DockerInfo } from './engine-info.ts';

/**
 * Docker 20.10 answers when it next reads all containers that are asked about, once a second. So each round of requests takes
 * a second, however many they are.
 */
const atOnce = 256;
const readDeadlineMs = 15_000;

/** The parts that we read of `GET /containers/{id}/stats`. Values that the kernel or the engine does not count are absent. */
export interface WireStats {
  /** The year 1 for a container that does not run. */
  readonly read: string;
  readonly pids_stats?: { readonly current?: number };
  readonly blkio_stats?: { readonly io_service_bytes_recursive?: readonly BlockCount[] | null };
  readonly cpu_stats?: {
    readonly cpu_usage?: { readonly total_usage?: number };
    readonly throttling_data?: { readonly throttled_time?: number };
  };
  readonly memory_stats?: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
}

interface BlockCount {
  /** `Read` and `Write` under cgroup v1, `read` and `write` under v2. */
  readonly op: string;
  readonly value: number;
}

/** See EngineContainers.stats. */
export async function containerStats(
  connection: Connection,
  ids: readonly string[],
  { info, signal }: { readonly info: Pick<DockerInfo, 'apiVersion'>; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, ContainerStats>> {
  const oneShot = atLeast(info.apiVersion, '1.41') ? true : undefined;
  const found = new Map<string, ContainerStats>();
  const waiting = ids.values();
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);

  async function readOnwards(): Promise<void> {
    // All workers share one iterator, so that each takes the next free id.
    for (const id of waiting) {
      const stats = await read(id);
      if (stats !== null) found.set(id, stats);
    }
  }

  async function read(id: string): Promise<ContainerStats | null> {
    try {
      const path = `/containers/${encodeURIComponent(id)}/stats`;
      const query = { stream: false, 'one-shot': oneShot };
      const what = `measure container ${id}`;
      const call = {
        method: 'GET',
        path,
        query,
        what,
        deadlineMs: readDeadlineMs,
        signal: both,
        isSlow: true,
      } as const;
      return toContainerStats(await connection.request<WireStats>(call));
    } catch (error) {
      if (answered(error, 404, 409)) return null;
      throw error;
    }
  }

  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, ids.length) }, readOnwards));
  } finally {
    failed.abort();
  }
  return found;
}

/** Null for a container that does not run. */
export function toContainerStats(wire: WireStats): ContainerStats | null {
  if (wire.read.startsWith('0001-') || wire.pids_stats?.current === undefined) return null;
  const networks = Object.values(wire.networks ?? {});
  return {
    at: new Date(wire.read),
    cpu: {
      usedNs: wire.cpu_stats?.cpu_usage?.total_usage ?? 0,
      throttledNs: wire.cpu_stats?.throttling_data?.throttled_time ?? 0,
    },
    memory: { usedBytes: usedMemory(wire.memory_stats), limitBytes: wire.memory_stats?.limit ?? 0 },
    network: {
      receivedBytes: sum(networks.map((network) => network.rx_bytes)),
      sentBytes: sum(networks.map((network) => network.tx_bytes)),
    },
    blockIo: { readBytes: blockBytes(wire, 'read'), writtenBytes: blockBytes(wire, 'write') },
    pids: wire.pids_stats.current,
  };
}

/** As the engine's own `docker stats` does. `total_inactive_file` is cgroup v1's name, `inactive_file` v2's. */
function usedMemory(memory: WireStats['memory_stats']): number {
  const usage = memory?.usage ?? 0;
  const cache = memory?.stats?.total_inactive_file ?? memory?.stats?.inactive_file ?? 0;
  return cache < usage ? usage - cache : usage;
}

function blockBytes(wire: WireStats, op: string): number {
  const counts = wire.blkio_stats?.io_service_bytes_recursive ?? [];
  return sum(counts.filter((count) => count.op.toLowerCase() === op).map((count) => count.value));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
