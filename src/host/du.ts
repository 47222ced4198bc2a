import { execFile } from 'node:child_process';

/* Only this file starts du, which counts folders at any depth, where a path would be too long for us. */

const maxBuffer = 16 * 1024 * 1024;

export interface FolderSize {
  /** Of its blocks on the disk. */
  readonly bytes: number;
  readonly files: number;
}

/** The size of each folder; absent if it is gone or was not counted before the deadline. A file with several names counts once. */
export async function folderSizes(
  folders: readonly string[],
  deadlineMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, FolderSize>> {
  const [bytes, files] = await Promise.all([
    du(['--block-size=1', '--', ...folders], deadlineMs, signal),
    du(['--inodes', '--', ...folders], deadlineMs, signal),
  ]);
  const sizes = new Map<string, FolderSize>();
  for (const folder of folders) {
    const [ofBytes, ofFiles] = [bytes.get(folder), files.get(folder)];
    if (ofBytes !== undefined && ofFiles !== undefined) sizes.set(folder, { bytes: ofBytes, files: ofFiles });
  }
  if (sizes.size === folders.length || folders.length <= 1) return sizes;
  // One folder that takes too long keeps the others from being counted, so the rest is counted one by one.
  for (const folder of folders.filter((one) => !sizes.has(one))) {
    signal.throwIfAborted();
    for (const [name, size] of await folderSizes([folder], deadlineMs, signal)) sizes.set(name, size);
  }
  return sizes;
}

/** The number that du prints for each folder. */
function du(options: readonly string[], deadlineMs: number, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const args = ['--summarize', '--one-file-system', '--null', ...options];
  const limits = { timeout: deadlineMs, killSignal: 'SIGKILL', maxBuffer, signal } as const;
  return new Promise((resolve, reject) => {
    // It exits with 1 when a file vanished while it counted, and prints what it counted.
    execFile('du', args, limits, (error, stdout) => {
      if (signal.aborted) return reject(signal.reason);
      if (error && error.code === 'ENOENT') return reject(error);
      const lines = stdout.split('\0').map((line) => /^(\d+)\t(.*)$/s.exec(line));
      resolve(new Map(lines.flatMap((line) => (line ? [[line[2] ?? '', Number(line[1])] as const] : []))));
    });
  });
}
