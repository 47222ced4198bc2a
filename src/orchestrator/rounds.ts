import type { PlatformBuilder } from '../builder/build.ts';
import type { Settings } from '../config/settings.ts';
import type { HandsOn } from '../domain/host-hands.ts';
import { forgetOldHistory } from '../operations/history.ts';
import type { DeployDeps } from '../operations/releases.ts';
import type { Repairs } from '../operations/repairs.ts';
import { createDiskGuard } from '../provisioner/disk-guard.ts';
import { forgetOldInstances } from '../provisioner/history.ts';
import { createMemoryGuard } from '../provisioner/memory-guard.ts';
import { endOverdueOneOffs } from '../provisioner/one-off-limits.ts';
import { shorten } from '../reporting/foreign-log.ts';
import type { Clock } from '../system/clock.ts';
import { HostRounds } from '../system/host-rounds.ts';
import { Recurring } from '../system/recurring.ts';
import { createNightlyBackup } from './nightly-backup.ts';

/** Long enough for the kernel's figure to follow a restart. */
const memoryMs = 5_000;
/** A fast disk writes a gigabyte in a second. */
const diskMs = 250;
const oneOffsMs = 10_000;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const engineLogBytes = { maxBytes: 32 * 1024 * 1024, keptBytes: 4 * 1024 * 1024 } as const;

/** Recurring work: repairs leftovers, and bounds what grows. */
export function createRounds(deps: {
  readonly deployDeps: DeployDeps;
  readonly repairs: Repairs;
  readonly builder: Pick<PlatformBuilder, 'tidy'>;
  readonly handsOn: HandsOn;
  readonly settings: Settings;
  readonly engineLog: string;
  readonly clock: Clock;
}): readonly (Recurring | HostRounds)[] {
  const { deployDeps, repairs, builder, handsOn, settings, engineLog, clock } = deps;
  const { store, logger, environment } = deployDeps;
  const { engines } = environment;
  const every = (everyMs: number, what: string, work: (signal: AbortSignal) => Promise<void>) =>
    new Recurring({ what, everyMs, work, clock, logger });
  return [
    every(minuteMs, 'repair what was left over', () => repairs.repairLeftovers()),
    new HostRounds({
      engines,
      what: 'look for instances that fill the disk',
      everyMs: diskMs,
      work: createDiskGuard({ ...environment, handsOn, limits: settings.diskLimits, clock, logger }),
      clock,
      logger,
    }),
    new HostRounds({
      engines,
      what: 'restart what uses too much of a low memory',
      everyMs: memoryMs,
      work: createMemoryGuard({ engines, handsOn, store, settings, logger }),
      clock,
      logger,
    }),
    every(oneOffsMs, 'end one-offs whose time is over', () => endOverdueOneOffs({ store, clock })),
    every(minuteMs, 'back the store up', createNightlyBackup({ store, settings, clock, logger })),
    every(hourMs, 'forget old instances', () => forgetOldInstances({ store, clock })),
    every(hourMs, 'forget old history', (signal) => forgetOldHistory({ store, clock }, signal)),
    every(hourMs, "shorten the engine's log", () => shorten({ path: engineLog, ...engineLogBytes })),
    every(hourMs, 'remove what builds have no use for any more', () => builder.tidy(clock.now())),
  ];
}
