import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { paths, type Settings } from '../config/settings.ts';
import type { Engine } from '../domain/engine.ts';
import { errorCode, PlatformError } from '../domain/errors.ts';
import { labelNames } from '../domain/labels.ts';
import { belongings, isEmptyFile, lookBeside } from '../store/beside.ts';
import { openHomeStore } from '../store/store.ts';
import { newPlatformFlag } from './run-set-up.ts';
import type { Announcer } from './terminal.ts';

/**
 * Moves what is left of a platform with a lost store into a folder of its own, so that this start makes a new platform.
 * Removes nothing. Throws `conflict` when the store is whole, and the store's error when it cannot be told.
 */
export async function setAsideLostPlatform(
  engine: Engine,
  settings: Settings,
  { announcer, now }: { readonly announcer: Announcer; readonly now: Date },
): Promise<void> {
  const { home } = settings;
  const { state, keys, repos, logs, mark, backups, routeSnapshot } = paths(home);
  const beside = lookBeside(home);
  if (isEmptyFile(state) && belongings(beside).length === 0) return;
  await requireLost(home);
  const aside = join(home, `set-aside-${now.toISOString().slice(0, 19).replaceAll(':', '')}`);
  mkdirSync(aside, { mode: 0o700 });
  const left = [state, `${state}-wal`, `${state}-shm`, keys, repos, logs, mark, backups, routeSnapshot];
  for (const path of left) if (existsSync(path)) renameSync(path, join(aside, basename(path)));
  announcer.step(`A new platform begins; what was left of the old one is in ${aside}`);
  if (beside.mark === null) return;
  const label = `${labelNames.platform}=${beside.mark.platformId}`;
  const containers = await engine.containers.list({ [labelNames.platform]: beside.mark.platformId });
  if (containers.length === 0) return;
  announcer.detail(
    `its ${containers.length} containers stay. To remove them: docker rm -f $(docker ps -aqf label=${label})`,
  );
}

async function requireLost(home: string): Promise<void> {
  try {
    await (await openHomeStore(home)).close();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'conflict' || code === 'internal') return;
    throw error;
  }
  throw new PlatformError('conflict', `The platform in ${home} has its store, so no new one begins there.`, {
    hint: `Start it without ${newPlatformFlag}; another one needs a PAAS_HOME and ports of its own. To remove it: paas platform:uninstall`,
  });
}
