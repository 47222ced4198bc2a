import type { App } from '../domain/app.ts';
import { type FormationEntry, isOfFormation } from '../domain/formation.ts';
import { type Instance, processName, releaseOf } from '../domain/instance.ts';
import { isSameSize } from '../domain/instance-size.ts';
import { isResumable, type Release } from '../domain/release.ts';
import type { StoreTables } from '../domain/store.ts';
import { currentOf, servingReleases, type TrafficShare } from '../domain/traffic.ts';
import { retire } from '../provisioner/placing.ts';
import { isWanted } from '../provisioner/plan.ts';
import type { Logger } from '../system/logger.ts';
import { finishResizing } from './formation.ts';
import type { DeployDeps } from './releases.ts';
import { markFailed, rollOut } from './roll-out.ts';

export interface Repairs {
  /**
   * Finishes or undoes what a crash of the orchestrator interrupted. Runs once at the start, before any door opens.
   * A deploy that was not live yet has failed, because the connection of its pusher is gone. A config change or a rollback
   * is rolled out again, because its caller was answered that it exists. Instances of releases without traffic are retired.
   */
  recover(): Promise<void>;
  /**
   * Does the same while the platform runs, for apps that no work is under way for: a full disk may have kept a verb from
   * writing its end.
   */
  repairLeftovers(): Promise<void>;
}

export function createRepairs(deps: DeployDeps): Repairs {
  const { store, work, logger } = deps;
  /** Apps whose change of size has failed, and has not succeeded since. */
  const reported = new Set<string>();

  const repairApp = async (app: App, reason: string) => {
    const left = await store.transaction((tables) => repair(app.id, reason, tables));
    if (left.resumable) resumeRollOut(app, left.resumable, deps);
    else if (left.isMissized) resize(app);
    else reported.delete(app.id);
  };

  /** Not awaited, because it takes as long as the app's start. Without room for it, each round tries again. */
  const resize = (app: App) => {
    finishResizing(app, deps)
      .then(() => reported.delete(app.id))
      .catch((error: unknown) => {
        if (!reported.has(app.id))
          logger.warn('a change of size could not be finished; trying again every minute', { error, app: app.name });
        reported.add(app.id);
      });
  };

  return {
    async recover() {
      const reason = 'The platform was restarted in the middle of it.';
      for (const app of await store.apps.list()) await attempt(app, logger, () => repairApp(app, reason));
    },
    async repairLeftovers() {
      const active = await store.instances.listActive();
      for (const app of await store.apps.list()) {
        if (await work.isBusy(app.id)) continue;
        const own = active.filter((instance) => instance.appId === app.id && isRetirable(instance));
        if (await isComplete(app, own, store)) {
          reported.delete(app.id);
          continue;
        }
        const reason = 'How it ended could not be recorded.';
        const repairing = () => work.hold(app.id, () => repairApp(app, reason), { purpose: 'the repair of leftovers' });
        await attempt(app, logger, repairing);
      }
    },
  };
}

/** Whether nothing of the app is left to repair. */
async function isComplete(app: App, active: readonly Instance[], tables: StoreTables): Promise<boolean> {
  const [newest] = await tables.releases.list(app.id, 1);
  if (newest?.status === 'pending') return false;
  const shares = await tables.traffic.list(app.id);
  const serving = new Set(servingReleases(shares));
  if (active.some((instance) => !serving.has(releaseOf(instance) ?? '')) || doubles(active).length > 0) return false;
  return !isMissized(active, shares, await tables.formations.list(app.id));
}

/** The failure of one app does not stop the repair of the others. */
async function attempt(app: App, logger: Logger, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    logger.error('what was left over of an app could not be repaired', { error, app: app.name });
  }
}

/** What the rows alone cannot repair. */
interface Unrepaired {
  readonly resumable: Release | null;
  /** An instance runs in another size than the formation's. */
  readonly isMissized: boolean;
}

async function repair(appId: string, reason: string, tables: StoreTables): Promise<Unrepaired> {
  if (!(await tables.apps.find(appId))) return { resumable: null, isMissized: false };
  const pending = (await tables.releases.list(appId)).filter(({ status }) => status === 'pending');
  const resumable = pending.find(isResumable) ?? null;
  for (const release of pending) if (release !== resumable) await markFailed(release, [], { tables, reason });
  const active = (await tables.instances.listActive(appId)).filter(isRetirable);
  const shares = await tables.traffic.list(appId);
  const serving = new Set(servingReleases(shares));
  const own = active.filter((instance) => serving.has(releaseOf(instance) ?? ''));
  const strays = active.filter((instance) => !own.includes(instance));
  await retire(tables, strays, 'deploy_failed');
  const surplus = doubles(own);
  await retire(tables, surplus, 'restarted');
  const kept = own.filter((instance) => !surplus.includes(instance));
  return { resumable, isMissized: isMissized(kept, shares, await tables.formations.list(appId)) };
}

/** Compares the current release only: while requests are split, sizes stay as they were when the split began. */
function isMissized(
  instances: readonly Instance[],
  shares: readonly TrafficShare[],
  formation: readonly FormationEntry[],
): boolean {
  const current = currentOf(shares);
  return instances.some(
    (instance) =>
      releaseOf(instance) === current &&
      formation.some(({ type, size }) => type === instance.type && !isSameSize(size, instance.size)),
  );
}

function isRetirable(instance: Instance): boolean {
  return isWanted(instance) && isOfFormation(instance);
}

/** All but one in each slot of a release. The one kept is the newest that is up; the newest if none is. */
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

/** Not awaited, because it takes as long as the app's start. */
function resumeRollOut(app: App, release: Release, deps: DeployDeps): void {
  const options = { purpose: `the roll-out of v${release.version}` };
  deps.work
    .hold(app.id, ({ signal }) => rollOut(release, deps, signal), options)
    .catch((error: unknown) => deps.logger.warn('a resumed roll-out failed', { error, app: app.name }));
}
