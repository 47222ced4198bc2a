import { platformActor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import type { Artifact } from '../domain/build.ts';
import { defaultInstanceCloudlets } from '../domain/cloudlet.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import { type FormationEntry, initialQuantity, oneShotTypes } from '../domain/formation.ts';
import { type Instance, isFinal, processName } from '../domain/instance.ts';
import type { Logger } from '../domain/logger.ts';
import type { Release } from '../domain/release.ts';
import type { Store } from '../domain/store.ts';
import type { Provisioner, Slot } from '../provisioner/provisioner.ts';

/** What a roll-out needs of the resolver's side. */
export interface RouteSettler {
  /** Resolves when the resolver sends requests as the store says now. Throws `unavailable` when it cannot be told. */
  settled(appId: string): Promise<void>;
}

export interface RollOutDependencies {
  readonly store: Store;
  readonly provisioner: Provisioner;
  readonly routes: RouteSettler;
  readonly logger: Logger;
  /** Boot timeout and what the engine may take on top; past it a start has failed whatever the engine says. */
  readonly startTimeoutMs: number;
}

/**
 * Start the new, wait until they answer, switch, retire the old. A failure before the switch stops the new ones, leaves
 * the old ones serving and throws `start_failed`, `no_capacity` or `cancelled`. After the switch the signal is not heard.
 */
export async function rollOut(
  app: App,
  release: Release,
  deps: RollOutDependencies,
  signal: AbortSignal,
): Promise<void> {
  const artifact = release.artifactId ? await deps.store.artifacts.find(release.artifactId) : null;
  if (!artifact) return switchTo(app, release, deps);
  const formation = await prepareFormation(app, artifact, deps.store);
  const gate = gateOf(formation);
  let started: readonly Instance[] = [];
  try {
    started = await deps.provisioner.placeRelease(app, release, gate);
    await allUp(started, release, deps, signal);
  } catch (error) {
    await abandon(app, release, started, { deps, error });
    throw error;
  }
  await switchTo(app, release, deps);
}

/** New instances in the slots, then the old ones go. Throws `start_failed` with the old ones untouched. */
export async function replace(
  app: App,
  release: Release,
  { slots, old, deps, signal }: Replacement & { readonly deps: RollOutDependencies; readonly signal: AbortSignal },
): Promise<void> {
  const started = await deps.provisioner.placeAgain(app, release, slots);
  try {
    await allUp(started, release, deps, signal);
  } catch (error) {
    await deps.provisioner.retire(started, 'deploy_failed');
    throw error;
  }
  await settle(app, deps);
  await deps.provisioner.retire(old, 'restarted');
}

export interface Replacement {
  readonly slots: readonly Slot[];
  readonly old: readonly Instance[];
}

/** Types that are new get their first quantity; those that are gone leave the formation at the switch. */
async function prepareFormation(app: App, artifact: Artifact, store: Store): Promise<readonly FormationEntry[]> {
  const known = new Map((await store.formations.list(app.id)).map((entry) => [entry.type, entry]));
  const entries: FormationEntry[] = [];
  for (const { type } of artifact.processes) {
    if (oneShotTypes.has(type)) continue;
    const fresh = { appId: app.id, type, quantity: initialQuantity(type), size: defaultInstanceCloudlets };
    entries.push(known.get(type) ?? (await store.formations.put(fresh)));
  }
  return entries;
}

/** Who must be up before the switch: web, or everything when there is no web. The others follow the switch. */
function gateOf(formation: readonly FormationEntry[]): readonly FormationEntry[] {
  const web = formation.filter((entry) => entry.type === 'web' && entry.quantity > 0);
  return web.length > 0 ? web : formation.filter((entry) => entry.quantity > 0);
}

async function switchTo(app: App, release: Release, deps: RollOutDependencies): Promise<void> {
  const { store, provisioner } = deps;
  await store.transaction(async (tables) => {
    await tables.apps.setCurrentRelease(app.id, release.id);
    await tables.releases.setStatus(release.id, 'succeeded');
    await tables.events.append(eventOf('release.succeeded', platformActor, { appId: app.id, data: factsOf(release) }));
  });
  await settle(app, deps);
  const active = await store.instances.listActive(app.id);
  const old = active.filter((instance) => instance.releaseId !== release.id && !oneShotTypes.has(instance.type));
  await provisioner.retire(old, 'replaced');
}

/** A resolver that is down sends nothing anywhere; it gets the new table when it is back, so the switch holds all the same. */
async function settle(app: App, { routes, logger }: RollOutDependencies): Promise<void> {
  try {
    await routes.settled(app.id);
  } catch (error) {
    logger.warn('the resolver could not be told of a switch; it will be when it is back', { error, app: app.name });
  }
}

async function abandon(
  app: App,
  release: Release,
  started: readonly Instance[],
  { deps: { store, provisioner }, error }: { deps: RollOutDependencies; error: unknown },
): Promise<void> {
  await provisioner.retire(started, 'deploy_failed');
  const reason = error instanceof PlatformError ? error.message : 'internal error';
  await store.transaction(async (tables) => {
    await tables.releases.setStatus(release.id, 'failed');
    const data = { ...factsOf(release), reason };
    await tables.events.append(eventOf('release.failed', platformActor, { appId: app.id, data }));
  });
}

export function factsOf(release: Release): { releaseId: string; version: number; description: string } {
  return { releaseId: release.id, version: release.version, description: release.description };
}

/** Resolves when each is up; throws with the first one's reason as soon as one has ended. Its boot timeout is the deadline. */
async function allUp(
  instances: readonly Instance[],
  release: Release,
  { store, startTimeoutMs }: RollOutDependencies,
  signal: AbortSignal,
): Promise<void> {
  const waiting = new Set(instances.map(({ id }) => id));
  if (waiting.size === 0) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = async (id: string) => {
    const instance = await store.instances.find(id);
    if (instance?.state === 'up') waiting.delete(id);
    if (!instance || isFinal(instance.state)) reject(notStarted(instance, release));
    if (waiting.size === 0) resolve();
  };
  const unsubscribe = store.changes.subscribe((change) => {
    if (change.table === 'instances' && waiting.has(change.id)) look(change.id).catch(reject);
  });
  const abort = () => reject(new PlatformError('cancelled', 'The deploy was cancelled before the new version served.'));
  signal.addEventListener('abort', abort, { once: true });
  const late = () =>
    reject(
      new PlatformError('timeout', `v${release.version} was not up within ${startTimeoutMs / 1000} s.`, {
        hint: 'See: paas doctor',
      }),
    );
  const timer = setTimeout(late, startTimeoutMs);
  try {
    if (signal.aborted) abort();
    for (const id of [...waiting]) look(id).catch(reject);
    await promise;
  } finally {
    clearTimeout(timer);
    unsubscribe();
    signal.removeEventListener('abort', abort);
  }
}

/** The failed start as an error that remembers whose last words to show. */
export class StartFailed extends PlatformError {
  readonly instance: Instance | null;

  constructor(instance: Instance | null, message: string, hint: string) {
    super('start_failed', message, { hint });
    this.instance = instance;
  }
}

function notStarted(instance: Instance | null, release: Release): StartFailed {
  const name = instance ? processName(instance) : 'An instance';
  const reason = instance?.reason ?? 'it was stopped';
  return new StartFailed(instance, `${name} of v${release.version} did not start: ${reason}.`, 'See: paas logs');
}
