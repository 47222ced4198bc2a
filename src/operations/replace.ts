import type { Instance } from '../domain/instance.ts';
import type { Release } from '../domain/release.ts';
import { ensureNetworksFor } from '../provisioner/environment.ts';
import { retire } from '../provisioner/placing.ts';
import { isIn, type WantedInstance } from '../provisioner/plan.ts';
import { placeTurn } from '../provisioner/turns.ts';
import { allLeft } from './leaving.ts';
import { type RollOutDeps, routesSettled } from './roll-out.ts';
import { allUp } from './starting.ts';

/** Instances of one release, and those that they replace. */
export interface Replacement {
  readonly release: Release;
  /** What is to run. The first of them are placed already: `started`, by `placeTurn`. */
  readonly wanted: readonly WantedInstance[];
  readonly started: readonly Instance[];
  readonly replaced: readonly Instance[];
}

/**
 * Waits until the new instances are up, then retires the old ones. Where not all have room beside the old ones, it does so
 * in turns, each when the old ones of the turn before have ended. Throws `start_failed` and leaves the old ones running,
 * except those of earlier turns.
 */
export async function replace(
  { release, wanted, started, replaced }: Replacement,
  deps: RollOutDeps,
  signal: AbortSignal,
): Promise<void> {
  const { store } = deps;
  const owner = { app: { id: release.appId }, release };
  let turn = started;
  let waiting = wanted;
  for (;;) {
    await startTurn(release, turn, { deps, signal });
    const old = replaced.filter((instance) => turn.some((other) => isIn(other, instance)));
    // First, so that requests go to the new ones before the old ones stop.
    await routesSettled(release.appId, deps);
    await store.transaction((tables) => retire(tables, old, 'restarted'));
    waiting = waiting.filter((slot) => !turn.some((instance) => isIn(slot, instance)));
    if (waiting.length === 0) return;
    await allLeft(old, store, signal);
    const rest = waiting;
    turn = await store.transaction((tables) => placeTurn(tables, owner, rest));
  }
}

async function startTurn(
  release: Release,
  instances: readonly Instance[],
  { deps, signal }: { readonly deps: RollOutDeps; readonly signal: AbortSignal },
): Promise<void> {
  try {
    await ensureNetworksFor(instances, deps.environment, deps.logger);
    await allUp({ instances, release }, deps, signal);
  } catch (error) {
    await deps.store.transaction((tables) => retire(tables, instances, 'deploy_failed'));
    throw error;
  }
}
