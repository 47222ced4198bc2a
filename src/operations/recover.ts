import { platformActor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import { eventOf } from '../domain/event.ts';
import { oneShotTypes } from '../domain/formation.ts';
import { type Instance, processName } from '../domain/instance.ts';
import type { Release } from '../domain/release.ts';
import type { DeployDependencies } from './releases.ts';
import { factsOf, rollOut } from './roll-out.ts';

/**
 * Finishes or undoes what a crash of the orchestrator left half done; run once at start, before any door opens.
 * A deploy that was not live yet has failed (its pusher was cut off); a change of config or a rollback is rolled out
 * again, because somebody was told that it exists. Instances that no release wants any more are retired.
 */
export async function recover(deps: DeployDependencies, signal: AbortSignal): Promise<void> {
  for (const app of await deps.store.apps.list()) {
    const pending = (await deps.store.releases.list(app.id)).filter((release) => release.status === 'pending');
    const resumable = pending.find((release) => release.cause === 'config' || release.cause === 'rollback');
    for (const release of pending) if (release !== resumable) await fail(app, release, deps);
    await retireLeftovers(app, deps);
    if (resumable) resume(app, resumable, deps, signal);
  }
}

async function fail(app: App, release: Release, { store }: DeployDependencies): Promise<void> {
  await store.transaction(async (tables) => {
    await tables.releases.setStatus(release.id, 'failed');
    const data = { ...factsOf(release), reason: 'The platform was restarted in the middle of it.' };
    await tables.events.append(eventOf('release.failed', platformActor, { appId: app.id, data }));
  });
}

async function retireLeftovers(app: App, { store, provisioner }: DeployDependencies): Promise<void> {
  const active = (await store.instances.listActive(app.id)).filter(
    (instance) => instance.desired === 'up' && !oneShotTypes.has(instance.type),
  );
  const strangers = active.filter((instance) => instance.releaseId !== app.currentReleaseId);
  await provisioner.retire(strangers, 'deploy_failed');
  const own = active.filter((instance) => instance.releaseId === app.currentReleaseId);
  await provisioner.retire(doubles(own), 'restarted');
}

/** All but the one to keep in each slot: one that is up, and of those the newest. */
export function doubles(instances: readonly Instance[]): readonly Instance[] {
  const best = new Map<string, Instance>();
  for (const instance of instances) {
    const rival = best.get(processName(instance));
    if (
      !rival ||
      rank(instance) > rank(rival) ||
      (rank(instance) === rank(rival) && instance.createdAt > rival.createdAt)
    ) {
      best.set(processName(instance), instance);
    }
  }
  return instances.filter((instance) => best.get(processName(instance)) !== instance);
}

function rank(instance: Instance): number {
  return instance.state === 'up' ? 1 : 0;
}

function resume(app: App, release: Release, deps: DeployDependencies, signal: AbortSignal): void {
  const turn = deps.turns.run(app.id, () => rollOut(app, release, deps, signal));
  turn.catch((error: unknown) =>
    deps.logger.warn('a roll-out taken up after a restart failed', { error, app: app.name }),
  );
}
