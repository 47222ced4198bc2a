import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import { DiskReserve } from '../system/disk-reserve.ts';
import { bytesInWords, isOutOfRoom, spaceInWords } from '../system/disk-space.ts';
import type { Announcer } from './terminal.ts';

/**
 * Makes room for a start when the disk of PAAS_HOME is full: first from the reserve, then from caches that are made
 * again. To be called before anything is written there. Never throws: what cannot be written is reported by what needs
 * it.
 */
export function makeStartRoom(settings: Pick<Settings, 'home' | 'reserveBytes'>, announcer: Announcer): void {
  const { reserve: folder, cache, run } = paths(settings.home);
  const reserve = new DiskReserve({ folder, bytes: settings.reserveBytes });
  const before = spaceInWords(settings.home);
  let freed = reserve.makeRoom('start');
  // A quota does not show in the file system's own figures, only in a write.
  while (isOutOfRoom(run)) {
    const share = reserve.freeShare('start');
    if (share === 0) break;
    freed += share;
  }
  if (reserve.isDiskLow || isOutOfRoom(run)) rmSync(join(cache, 'compiled'), { recursive: true, force: true });
  if (freed > 0) announcer.step(`The disk is full (${before} at ${settings.home}): freed ${bytesInWords(freed)}`);
}
