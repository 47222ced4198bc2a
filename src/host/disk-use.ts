import { readFile } from 'node:fs/promises';
import type { ContainerFolders } from '../domain/containers.ts';
import type { DiskUse, DiskUseReport, EngineOnHost } from '../domain/host-hands.ts';
import { whyNotCounted, writablePlaces } from './container-disk.ts';
import { containerProcesses } from './container-processes.ts';
import { type FolderSize, folderSizes } from './du.ts';
import { devicesOf, unlinkedFiles } from './unlinked-files.ts';

/** Enough for a million files that are in the kernel's cache. */
const countDeadlineMs = 10_000;

/** See HostHands.diskUse. Works for an engine on this machine and a platform that runs as root beside it. */
export async function containersDiskUse(
  containers: readonly ContainerFolders[],
  engine: () => Promise<EngineOnHost>,
  signal: AbortSignal,
): Promise<DiskUseReport> {
  try {
    const reason = await whyNotCounted(engine);
    if (reason !== null) return notMeasured(reason);
    const processes = await containerProcesses();
    const folders = new Map<string, readonly string[]>();
    for (const container of containers) {
      const [first] = processes.get(container.id) ?? [];
      const { id, upper, volumes } = container;
      if (upper !== null) folders.set(id, [upper, ...volumes]);
      else if (first !== undefined) folders.set(id, await placesOf(first));
    }
    const sizes = await folderSizes([...new Set([...folders.values()].flat())], countDeadlineMs, signal);
    const running = containers.filter(({ runs }) => runs);
    if (running.length > 0 && !running.some(({ id }) => processes.has(id))) {
      return notMeasured('processes of containers cannot be seen from here');
    }
    const uses = new Map<string, DiskUse>();
    for (const [id, own] of folders) {
      const use = await useOf(own, { sizes, pids: processes.get(id) ?? [] }, signal);
      if (use) uses.set(id, use);
    }
    return { measured: true, uses };
  } catch (error) {
    signal.throwIfAborted();
    return notMeasured((error as Error).message);
  }
}

/** Null if one of its folders was not counted. */
async function useOf(
  folders: readonly string[],
  { sizes, pids }: { readonly sizes: ReadonlyMap<string, FolderSize>; readonly pids: readonly number[] },
  signal: AbortSignal,
): Promise<DiskUse | null> {
  const known = folders.map((folder) => sizes.get(folder)).filter((size) => size !== undefined);
  if (known.length === 0 || known.length < folders.length) return null;
  const devices = await devicesOf([...folders, ...pids.map((pid) => `/proc/${pid}/root`)]);
  const unlinked = await unlinkedFiles(pids, devices, signal);
  const written = await Promise.all(pids.map(writtenBytes));
  return {
    bytes: known.reduce((sum, { bytes }) => sum + bytes, unlinked.bytes),
    unlinkedBytes: unlinked.bytes,
    files: known.reduce((sum, { files }) => sum + files, unlinked.files),
    writtenBytes: written.reduce((sum, bytes) => sum + bytes, 0),
  };
}

/** Empty if they cannot be known. */
async function placesOf(pid: number): Promise<readonly string[]> {
  try {
    return writablePlaces(await readFile(`/proc/${pid}/mountinfo`, 'utf8'), `/proc/${pid}/root`);
  } catch {
    return [];
  }
}

/** Source: proc(5), io: `write_bytes` counts what the process made dirty, in the cache too. */
async function writtenBytes(pid: number): Promise<number> {
  const io = await readFile(`/proc/${pid}/io`, 'utf8').catch(() => '');
  return Number(/^write_bytes: (\d+)$/m.exec(io)?.[1] ?? 0);
}

function notMeasured(cause: string): DiskUseReport {
  return {
    measured: false,
    reason: `Files that an app removed and holds open, and its volumes, do not count for its disk limit: ${cause}.`,
  };
}
