import { join } from 'node:path';
import { paths, type Settings } from '../config/settings.ts';
import { createDockerEngine } from '../engine/docker-engine.ts';
import { setAsideLostPlatform } from './new-platform.ts';
import { requireFreeApiPort } from './ports.ts';
import { prepare } from './prepare.ts';
import { announceOn } from './terminal.ts';

export interface StepsOptions {
  /** Whether a platform whose store is lost is set aside first. */
  readonly isNewPlatform: boolean;
  readonly signal: AbortSignal;
}

/** Sets this host and this PAAS_HOME up. Loads all that the steps need, so it is imported only to do it. */
export async function performSteps(settings: Settings, { isNewPlatform, signal }: StepsOptions): Promise<void> {
  await requireFreeApiPort(settings);
  const announcer = announceOn(process.stderr);
  const cacheDir = join(paths(settings.home).cache, 'engine');
  const engine = createDockerEngine({ dockerHost: settings.dockerHost, cacheDir });
  try {
    if (isNewPlatform) await setAsideLostPlatform(engine, settings, { announcer, now: new Date() });
    await prepare(engine, settings, { announcer, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
