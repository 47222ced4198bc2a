import { statfs } from 'node:fs/promises';
import type { HostDisk } from '../domain/host-hands.ts';

export async function diskOf(holds: HostDisk['holds'], path: string): Promise<HostDisk> {
  const disk = await statfs(path).catch(() => null);
  const space = disk && {
    freeBytes: disk.bavail * disk.bsize,
    totalBytes: disk.blocks * disk.bsize,
    freeFiles: disk.ffree,
    totalFiles: disk.files,
  };
  return { holds, path, space };
}
