import type { Instance } from '../domain/instance.ts';
import type { Release } from '../domain/release.ts';
import { ensureNetworksFor } from '../provisioner/environment.ts';
import { retire } from '../provisioner/placing.ts';
import { type RollOutDeps, routesSettled } from './roll-out.ts';
import { allUp } from './starting.ts';

/** Instances of one release, and those that they replace. */
export interface Replacement {
  readonly release: Release;
  readonly started: readonly Instance[];
  readonly replaced: readonly Instance[];
}

/** Waits until the new instances are up, then retires the old ones. Throws `start_failed` and leaves the old ones running. */
export async function replace(
  { release, started, replaced }: Replacement,
  deps: RollOutDeps,
  signal: AbortSignal,
): Promise<void> {
  const { store } = deps;
  try {
    await ensureNetworksFor(started, deps.environment, deps.logger);
    await allUp({ instances: started, release }, deps, signal);
  } catch (error) {
    await store.transaction((tables) => retire(tables, started, 'deploy_failed'));
    throw error;
  }
  // First, so that requests go to the new ones before the old ones stop.
  await routesSettled(release.appId, deps);
  await store.transaction((tables) => retire(tables, replaced, 'restarted'));
}
