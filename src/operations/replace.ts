import type { App } from '../domain/app.ts';
import type { Instance } from '../domain/instance.ts';
import type { Release } from '../domain/release.ts';
import { retire } from '../provisioner/placing.ts';
import { type RollOutDeps, settle } from './roll-out.ts';
import { allUp } from './starting.ts';

/** Instances of one release that are to take the place of others of it. */
export interface Replacement {
  readonly release: Release;
  readonly started: readonly Instance[];
  readonly replaced: readonly Instance[];
}

/** New before old: those that were placed come up, then the old ones go. Throws `start_failed` with the old ones untouched. */
export async function replace(
  app: App,
  { release, started, replaced }: Replacement,
  deps: RollOutDeps,
  signal: AbortSignal,
): Promise<void> {
  const { store } = deps;
  try {
    await allUp(started, release, deps, signal);
  } catch (error) {
    await store.transaction((tables) => retire(tables, started, 'deploy_failed'));
    throw error;
  }
  // Before the old ones are gone the resolver knows the new ones.
  await settle(app, deps);
  await store.transaction((tables) => retire(tables, replaced, 'restarted'));
}
