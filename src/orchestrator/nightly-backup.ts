import type { PlatformStatus } from '../api/contract.ts';
import type { Settings } from '../config/settings.ts';
import { platformActor } from '../domain/actor.ts';
import { publicMessage } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import type { Store } from '../domain/store.ts';
import { backUp, isBackupDue, listBackups } from '../store/backups.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';

type Check = PlatformStatus['checks'][number];

export interface BackupDeps {
  readonly store: Store;
  readonly settings: Pick<Settings, 'home' | 'backupsKept'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
}

/** Backs the store up when the last night's backup is not there yet. A failure is an event when it begins. */
export function createNightlyBackup({ store, settings, clock, logger }: BackupDeps): () => Promise<void> {
  const { home, backupsKept: kept } = settings;
  let failing = false;
  return async () => {
    if (kept === 0 || !isBackupDue(home, clock.now())) return;
    try {
      const { path, bytes, rows } = await backUp(home, { now: clock.now(), kept });
      failing = false;
      logger.info('the store was backed up', { path, bytes, rows });
    } catch (error) {
      if (!failing) {
        const reason = error instanceof Error ? error.message : publicMessage(error);
        const event = eventOf('platform.backup_failed', platformActor, { appId: null, data: { reason } });
        await store.events.append(event).catch(() => undefined);
      }
      failing = true;
      throw error;
    }
  };
}

/** Longer than a day: a machine may be off at night. */
const oldAfterHours = 36;

/** The first backup is made within a minute of the first start. */
const firstWithinMs = 5 * 60_000;

export function backupCheck(
  { home, backupsKept }: BackupDeps['settings'],
  { startedAt, now }: { readonly startedAt: Date; readonly now: Date },
): Check {
  const name = 'backup';
  const [newest] = listBackups(home);
  const fix = `Make one, and read why it fails: paas platform:backup`;
  if (!newest && backupsKept === 0) {
    return {
      name,
      state: 'warning',
      message: 'none are made (PAAS_BACKUPS_KEPT is 0)',
      fix: 'Set PAAS_BACKUPS_KEPT=7.',
    };
  }
  if (!newest && now.getTime() - startedAt.getTime() < firstWithinMs)
    return { name, state: 'ok', message: 'the first one is being made', fix: null };
  if (!newest) return { name, state: 'warning', message: 'there is no backup of the store yet', fix };
  const hours = Math.floor((now.getTime() - newest.at.getTime()) / 3_600_000);
  const age = hours < 1 ? 'less than an hour' : hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
  const message = `the last good backup of the store is ${age} old`;
  return hours < oldAfterHours ? { name, state: 'ok', message, fix: null } : { name, state: 'warning', message, fix };
}
