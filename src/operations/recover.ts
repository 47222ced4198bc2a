import type { App } from '../domain/app.ts';
import { type FormationEntry, isOfFormation } from '../domain/formation.ts';
import { type Instance, processName, releaseOf } from '../domain/instance.ts';
import { isTakenUpAgain, type Release } from '../domain/release.ts';
import type { StoreTables } from '../domain/store.ts';
import { currentOf, servingReleases, type TrafficShare } from '../domain/traffic.ts';
import { retire } from '../provisioner/placing.ts';
import { isWanted } from '../provisioner/plan.ts';
import { finishResizing } from './formation.ts';
import type { DeployDeps } from './releases.ts';
import { markFailed, rollOut } from './roll-out.ts';

/**
 * Finishes or undoes what a crash of the orchestrator left half done; run once at start, before any door opens.
 * A deploy that was not live yet has failed (its pusher was cut off); a change of config or a rollback is rolled out
 * again, because somebody was told that it exists. Instances that no release wants any more are retired.
 */
export async function recover(deps: DeployDeps): Promise<void> {
  const reason = 'The platform was restarted in the middle of it.';
  for (const app of await deps.store.apps.list()) await attempt(app, deps, () => recoverApp(app, deps, reason));
}

/**
 * The same while the platform runs, for apps that nobody works on: what could not be written when it was time to, because
 * the disk was full, is written now.
 */
export async function repairLeftovers(deps: DeployDeps): Promise<void> {
  const active = await deps.store.instances.listActive();
  for (const app of await deps.store.apps.list()) {
    const own = active.filter((instance) => instance.appId === app.id && isRetirable(instance));
    if ((await deps.work.isBusy(app.id)) || (await isSettled(app, own, deps.store))) continue;
    const reason = 'How it ended could not be recorded.';
    const turn = () =>
      deps.work.hold(app.id, () => recoverApp(app, deps, reason), { purpose: 'the settling of leftovers' });
    await attempt(app, deps, turn);
  }
}

async function isSettled(app: App, active: readonly Instance[], tables: StoreTables): Promise<boolean> {
  const [newest] = await tables.releases.list(app.id, 1);
  if (newest?.status === 'pending') return false;
  const shares = await tables.traffic.list(app.id);
  const serving = new Set(servingReleases(shares));
  if (active.some((instance) => !serving.has(releaseOf(instance) ?? '')) || doubles(active).length > 0) return false;
  return !isMissized(active, shares, await tables.formations.list(app.id));
}

/** One app's trouble is not the others'. */
async function attempt(app: App, { logger }: DeployDeps, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    logger.error('what was left half done of an app could not be settled', { error, app: app.name });
  }
}

async function recoverApp(app: App, deps: DeployDeps, reason: string): Promise<void> {
  const left = await deps.store.transaction((tables) => settle(app.id, reason, tables));
  if (left.resumable) goOn(app, deps, left.resumable);
  else if (left.isMissized) inBackground(app, deps, () => finishResizing(app, deps));
}

interface Left {
  readonly resumable: Release | null;
  /** A change of size was under way. */
  readonly isMissized: boolean;
}

async function settle(appId: string, reason: string, tables: StoreTables): Promise<Left> {
  if (!(await tables.apps.find(appId))) return { resumable: null, isMissized: false };
  const pending = (await tables.releases.list(appId)).filter(({ status }) => status === 'pending');
  const resumable = pending.find(isTakenUpAgain) ?? null;
  for (const release of pending) if (release !== resumable) await markFailed(release, [], { tables, reason });
  const active = (await tables.instances.listActive(appId)).filter(isRetirable);
  const shares = await tables.traffic.list(appId);
  const serving = new Set(servingReleases(shares));
  const own = active.filter((instance) => serving.has(releaseOf(instance) ?? ''));
  const strangers = active.filter((instance) => !own.includes(instance));
  await retire(tables, strangers, 'deploy_failed');
  const surplus = doubles(own);
  await retire(tables, surplus, 'restarted');
  const kept = own.filter((instance) => !surplus.includes(instance));
  return { resumable, isMissized: isMissized(kept, shares, await tables.formations.list(appId)) };
}

/** Only of the current release: while requests are split, sizes are as they were when the split began. */
function isMissized(
  instances: readonly Instance[],
  shares: readonly TrafficShare[],
  formation: readonly FormationEntry[],
): boolean {
  const current = currentOf(shares);
  return instances.some(
    (instance) =>
      releaseOf(instance) === current &&
      formation.some(({ type, size }) => type === instance.type && size !== instance.size),
  );
}

function isRetirable(instance: Instance): boolean {
  return isWanted(instance) && isOfFormation(instance);
}

/** All but the one to keep in each slot of a release: one that is up, and of those the newest. */
export function doubles(instances: readonly Instance[]): readonly Instance[] {
  const best = new Map<string, Instance>();
  for (const instance of instances) {
    const key = slotKey(instance);
    const rival = best.get(key);
    if (!rival || rank(instance) > rank(rival) || (rank(instance) === rank(rival) && instance.seq > rival.seq)) {
      best.set(key, instance);
    }
  }
  return instances.filter((instance) => best.get(slotKey(instance)) !== instance);
}

function slotKey(instance: Instance): string {
  return `${releaseOf(instance)}/${processName(instance)}`;
}

function rank(instance: Instance): number {
  return instance.state === 'up' ? 1 : 0;
}

function goOn(app: App, deps: DeployDeps, release: Release): void {
  const options = { purpose: `the roll-out of v${release.version}` };
  inBackground(app, deps, () => deps.work.hold(app.id, ({ signal }) => rollOut(app, release, deps, signal), options));
}

/** Not awaited: it takes as long as the app's start. */
function inBackground(app: App, { logger }: DeployDeps, work: () => Promise<void>): void {
  work().catch((error: unknown) => logger.warn('what was taken up again failed', { error, app: app.name }));
}
