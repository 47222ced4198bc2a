import { readdir, stat } from 'node:fs/promises';
import { runCounter } from './run-counter.ts';

const blockBytes = 512;

/** The device numbers of the file systems that these paths are on. Paths that are gone give none. */
export async function devicesOf(paths: readonly string[]): Promise<ReadonlySet<string>> {
  const stats = await Promise.all(paths.map((path) => stat(path).catch(() => null)));
  return new Set(stats.flatMap((found) => (found === null ? [] : [String(found.dev)])));
}

/**
 * The regular files on these devices without a name that the processes hold, each once. Such a file keeps its blocks, and no
 * folder shows it. It is held by a descriptor, also of a single thread (unshare CLONE_FILES), or by a mapping whose
 * descriptor was closed. Needs root. Processes that end count as nothing. Another program counts, because an app may have
 * millions of descriptors. Throws `unavailable` if it cannot.
 */
export async function unlinkedFiles(
  pids: readonly number[],
  devices: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly files: number }> {
  if (pids.length === 0) return { bytes: 0, files: 0 };
  const folders = (await Promise.all(pids.map(foldersOf))).flat();
  const print = ['-maxdepth', '1', '-type', 'f', '-links', '0', '-printf', '%D %i %b\\n'];
  const text = await runCounter('find', ['-L', ...folders, ...print], signal);
  const blocks = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [device = '', file, count] = line.split(' ');
    if (devices.has(device)) blocks.set(`${device} ${file}`, Number(count));
  }
  return { bytes: [...blocks.values()].reduce((sum, count) => sum + count * blockBytes, 0), files: blocks.size };
}

/** Threads mostly share their descriptors; then the first stands for all. */
async function foldersOf(pid: number): Promise<readonly string[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  return [...threads.map((thread) => `/proc/${pid}/task/${thread}/fd`), `/proc/${pid}/map_files`];
}
