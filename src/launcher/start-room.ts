import { join } from 'node:path';
import { paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import { DiskReserve } from '../system/disk-reserve.ts';
import { bytesInWords, spaceInWords } from '../system/disk-space.ts';
import type { Announcer } from './terminal.ts';

/**
 * Makes room for a start when the disk of PAAS_HOME is full: first from the reserve, then from caches that are made
 * again. To be called before anything is written there. Never throws: what cannot be written is reported by what needs
 * it.
 */
export function makeStartRoom(settings: Pick<Settings, 'home' | 'reserveBytes'>, announcer: Announcer): void {
  const { reserve: folder, cache } = paths(settings.home);
  const reserve = new DiskReserve({ folder, bytes: settings.reserveBytes });
  const before = spaceInWords(settings.home);
  const freed = reserve.makeRoomForStart([join(cache, 'compiled')]);
  if (freed > 0) announcer.step(`The disk is full (${before} at ${settings.home}): freed ${bytesInWords(freed)}`);
}
