import type { PlatformStatus } from '../api/contract.ts';
import type { Settings } from '../config/settings.ts';
import type { DiskReserve } from '../system/disk-reserve.ts';
import { bytesInWords, spaceInWords } from '../system/disk-space.ts';

type Check = PlatformStatus['checks'][number];

/** Whether the platform could still start and write if somebody filled the disk of PAAS_HOME now. */
export function reserveCheck(
  { heldBytes, isDiskLow }: Pick<DiskReserve, 'heldBytes' | 'isDiskLow'>,
  { home, reserveBytes }: Pick<Settings, 'home' | 'reserveBytes'>,
): Check {
  const name = 'disk reserve';
  const fix = `Free some space on the disk of ${home}, for example with: docker system prune. The reserve is made again by itself.`;
  if (isDiskLow) return { name, state: 'failed', message: `the disk is full: ${spaceInWords(home)} at ${home}`, fix };
  if (reserveBytes === 0) return { name, state: 'ok', message: 'none is kept (PAAS_RESERVE_MIB is 0)', fix: null };
  const message = `${bytesInWords(heldBytes)} of ${bytesInWords(reserveBytes)} are kept for a full disk`;
  return {
    name,
    state: heldBytes < reserveBytes * 0.9 ? 'warning' : 'ok',
    message,
    fix: heldBytes < reserveBytes * 0.9 ? fix : null,
  };
}
