import { platformActor } from '../domain/actor.ts';
import type { Artifact } from '../domain/build.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import { type FormationEntry, formationTypes, initialQuantity, isOfFormation } from '../domain/formation.ts';
import { type Instance, releaseOf } from '../domain/instance.ts';
import { defaultInstanceSize } from '../domain/instance-size.ts';
import { isResumable, type Release } from '../domain/release.ts';
import type { Store, StoreTables } from '../domain/store.ts';
import { currentOf } from '../domain/traffic.ts';
import { type EnvironmentDeps, ensureNetworks, ensureNetworksFor } from '../provisioner/environment.ts';
import { retire } from '../provisioner/placing.ts';
import { isWanted } from '../provisioner/plan.ts';
import type { Logger } from '../system/logger.ts';
import { placeGate } from './gate.ts';
import type { OngoingWork } from './ongoing-work.ts';
import { allUp } from './starting.ts';

export interface RouteSettler {
  /** Resolves when every reachable resolver has the app's routes as the store has them now. Throws `unavailable`. */
  settled(appId: string): Promise<void>;
}

export interface RollOutDeps {
  readonly store: Store;
  readonly environment: EnvironmentDeps;
  readonly routes: RouteSettler;
  readonly logger: Logger;
  readonly work: OngoingWork;
  /** The boot timeout and the time that the engine may take besides. A start that takes longer has failed. */
  readonly startTimeoutMs: number;
}

/**
 * Starts the new instances of every process type, waits until they are up, then switches and retires the old ones. A failure
 * before the switch stops the new ones, leaves the old ones serving and throws `start_failed`, `no_capacity`, `timeout` or
 * `cancelled`. After the switch nothing fails, and the signal has no effect.
 */
export async function rollOut(release: Release, deps: RollOutDeps, signal: AbortSignal): Promise<void> {
  const { store } = deps;
  const app = { id: release.appId };
  const started: Instance[] = [];
  try {
    const artifact = release.artifactId ? await store.artifacts.find(release.artifactId) : null;
    const formation = artifact ? await formationOf(app.id, artifact, store) : [];
    if (artifact) {
      await ensureNetworks(app, deps.environment);
      started.push(...(await placeGate({ app, release }, formation, store)));
      await ensureNetworksFor(started, deps.environment, deps.logger);
      await allUp({ instances: started, release }, deps, signal);
    }
    await store.transaction((tables) => switchTo(release, formation, tables));
  } catch (error) {
    await abandon(release, started, { error, deps });
    throw error;
  }
  await routesSettled(app.id, deps);
}

/**
 * The entries of the artifact's process types. New types get their initial quantity. Types that the artifact lacks keep their
 * row and run nothing, so that a rollback starts them again.
 */
async function formationOf(appId: string, artifact: Artifact, store: Store): Promise<readonly NewEntry[]> {
  const known = new Map((await store.formations.list(appId)).map((entry) => [entry.type, entry]));
  return formationTypes(artifact).map(
    (type) => known.get(type) ?? { appId, type, quantity: initialQuantity(type), size: defaultInstanceSize },
  );
}

type NewEntry = Omit<FormationEntry, 'updatedAt'>;

/** Makes the release the current one, in one transaction. */
async function switchTo(release: Release, formation: readonly NewEntry[], tables: StoreTables): Promise<void> {
  const { appId } = release;
  await tables.traffic.switchAllTo(appId, release.id);
  await tables.releases.setStatus(release.id, 'succeeded');
  const known = new Set((await tables.formations.list(appId)).map(({ type }) => type));
  for (const entry of formation) if (!known.has(entry.type)) await tables.formations.put(entry);
  await tables.events.append(eventOf('release.succeeded', platformActor, { appId, data: factsOf(release) }));
  const active = await tables.instances.listActive(appId);
  const old = active.filter((instance) => isOfFormation(instance) && releaseOf(instance) !== release.id);
  // They answer until the resolver has no request left for them.
  await retire(tables, old.filter(isWanted), 'replaced');
}

/** Never throws: a resolver that is down serves no request, and gets the new routes when it is back. */
export async function routesSettled(
  appId: string,
  { routes, logger }: Pick<RollOutDeps, 'routes' | 'logger'>,
): Promise<void> {
  try {
    await routes.settled(appId);
  } catch (error) {
    logger.warn('a resolver has not got the new routes; it gets them when it is back', { error, appId });
  }
}

/** Never throws, so that the caller can throw the reason. `repairLeftovers` writes later what cannot be written now. */
async function abandon(
  release: Release,
  started: readonly Instance[],
  { error, deps: { store, logger, work } }: { readonly error: unknown; readonly deps: RollOutDeps },
): Promise<void> {
  if (work.isClosing && isResumable(release)) return;
  const reason = error instanceof PlatformError ? error.message : 'internal error';
  try {
    await store.transaction((tables) => markFailed(release, started, { tables, reason }));
  } catch (second) {
    logger.warn('a failed roll-out could not be marked as failed; the next repair does it', {
      error: second,
      releaseId: release.id,
    });
  }
}

/**
 * Marks the release as failed and retires its instances. After a failed rollback, gives the app the config of the current
 * release again. Does nothing when the release is gone with its app.
 */
export async function markFailed(
  release: Release,
  started: readonly Instance[],
  { tables, reason }: { readonly tables: StoreTables; readonly reason: string },
): Promise<void> {
  if (!(await tables.releases.find(release.id))) return;
  await retire(tables, started, 'deploy_failed');
  await tables.releases.setStatus(release.id, 'failed');
  if (release.cause === 'rollback') {
    const currentId = currentOf(await tables.traffic.list(release.appId));
    const serving = currentId ? await tables.releases.find(currentId) : null;
    if (serving) await tables.configVars.replace(release.appId, serving.config);
  }
  const data = { ...factsOf(release), reason };
  await tables.events.append(eventOf('release.failed', platformActor, { appId: release.appId, data }));
}

export function factsOf(release: Release): { releaseId: string; version: number; description: string } {
  return { releaseId: release.id, version: release.version, description: release.description };
}
