import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { platformActor } from '../domain/actor.ts';
import type { Build } from '../domain/build.ts';
import type { ContainerState } from '../domain/containers.ts';
import type { Engine } from '../domain/engine.ts';
import { eventOf } from '../domain/event.ts';
import { labelNames } from '../domain/labels.ts';
import type { Store } from '../domain/store.ts';
import type { Logger } from '../system/logger.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

/**
 * Cleans up after builds that were interrupted when the platform stopped: removes their containers and files, and ends
 * their rows. Queued builds stay in the queue. Call it at the start, before the first build; a second call does nothing.
 */
export async function sweepBuilds(deps: {
  readonly engine: Engine;
  readonly store: Store;
  readonly platformId: string;
  /** One folder per app. */
  readonly recordsDir: string;
  readonly scratchDir: string;
  readonly logger: Logger;
}): Promise<void> {
  const { engine, store, logger } = deps;
  const left = await buildContainers(engine, deps.platformId);
  for (const { id } of left) await engine.containers.remove(id);
  await rm(deps.scratchDir, { recursive: true, force: true });
  const ended = await endAbandonedBuilds(store, {
    states: ['building'],
    reason: 'The platform stopped before the build had ended. Push again.',
  });
  await forgetGoneApps(store, deps.recordsDir);
  if (left.length > 0 || ended > 0) logger.info('ended interrupted builds', { containers: left.length, builds: ended });
}

export function buildContainers(engine: Engine, platformId: string): Promise<readonly ContainerState[]> {
  return engine.containers.list({ [labelNames.platform]: platformId, [labelNames.role]: 'build' });
}

/** Ends the rows of builds that no longer run, as failed or cancelled. With `madeBefore`, only older rows. Returns their number. */
export async function endAbandonedBuilds(
  store: Store,
  {
    states,
    reason,
    madeBefore,
  }: { readonly states: readonly ('queued' | 'building')[]; readonly reason: string; readonly madeBefore?: Date },
): Promise<number> {
  return await store.transaction(async (tables) => {
    const isOlder = ({ createdAt }: Build) => madeBefore === undefined || createdAt < madeBefore;
    const left: Build[] = [];
    for (const state of states) left.push(...(await tables.builds.listByState(state)).filter(isOlder));
    for (const { id, appId, state } of left) {
      const interrupted = state === 'building';
      await tables.builds.update(id, {
        state: interrupted ? 'failed' : 'cancelled',
        reason,
        endedAt: new Date(),
      });
      const kind = interrupted ? 'build.failed' : 'build.cancelled';
      await tables.events.append(eventOf(kind, platformActor, { appId, data: { buildId: id, reason } }));
    }
    return left.length;
  });
}

async function forgetGoneApps(store: Store, recordsDir: string): Promise<void> {
  const folders = await readdir(recordsDir).catch(() => []);
  for (const appId of folders.filter((name) => uuid.test(name))) {
    if (!(await store.apps.find(appId))) await rm(join(recordsDir, appId), { recursive: true, force: true });
  }
}
