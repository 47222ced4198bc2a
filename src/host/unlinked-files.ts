import { readdir, readFile, stat, statfs } from 'node:fs/promises';

/*
 * A file that was removed while a process holds it keeps its blocks, and no folder shows it. It is held by a descriptor,
 * also of a single thread (unshare CLONE_FILES), or by a mapping whose descriptor was closed.
 */

const blockBytes = 512;
/** File systems in memory: tmpfs (memfd, /dev/shm), ramfs, hugetlbfs. Source: statfs(2). */
const inMemory: ReadonlySet<number> = new Set([0x0102_1994, 0x8584_58f6, 0x9584_58f6]);

/** The files on a disk without a name that these processes hold. Needs root. Processes that end count as nothing. */
export async function unlinkedFiles(
  pids: readonly number[],
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly files: number }> {
  const seen = new Set<string>();
  let bytes = 0;
  let files = 0;
  const count = async (path: string) => {
    const file = await stat(path).catch(() => null);
    if (!file?.isFile() || file.nlink > 0) return;
    const key = `${file.dev}:${file.ino}`;
    if (seen.has(key)) return;
    seen.add(key);
    const type = (await statfs(path).catch(() => null))?.type;
    if (type === undefined || inMemory.has(type)) return;
    bytes += file.blocks * blockBytes;
    files += 1;
  };
  for (const pid of pids) {
    signal.throwIfAborted();
    await Promise.all([...(await descriptors(pid)), ...(await mappings(pid))].map(count));
  }
  return { bytes, files };
}

async function descriptors(pid: number): Promise<readonly string[]> {
  const folders = (await names(`/proc/${pid}/task`)).map((thread) => `/proc/${pid}/task/${thread}/fd`);
  const lists = new Map<string, string>();
  // Threads mostly share their descriptors. One with the same numbers as another is taken for such a one.
  for (const folder of folders) {
    const numbers = (await names(folder)).join(' ');
    if (!lists.has(numbers)) lists.set(numbers, folder);
  }
  return [...lists].flatMap(([numbers, folder]) => numbers.split(' ').map((number) => `${folder}/${number}`));
}

async function mappings(pid: number): Promise<readonly string[]> {
  const maps = await readFile(`/proc/${pid}/maps`, 'utf8').catch(() => '');
  // Only here are low addresses padded with zeros.
  const removed = [...maps.matchAll(/^0*([0-9a-f]+)-0*([0-9a-f]+) .* \(deleted\)$/gm)];
  return removed.map(([, start, end]) => `/proc/${pid}/map_files/${start}-${end}`);
}

function names(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
