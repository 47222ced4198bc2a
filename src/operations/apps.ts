import { randomInt } from 'node:crypto';
import type { Actor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import { eventOf } from '../domain/event.ts';
import type { Store } from '../domain/store.ts';
import { ensureNetworks, removeEnvironment } from '../provisioner/environment.ts';
import { giveUp, type NamesDeps, takeAppName } from './names.ts';
import { type ByActor, type DeployDeps, makeRelease } from './releases.ts';

/** What an app has outside the store and the engines. Both may be called again after a failure. */
export interface AppBelongings {
  create(appId: string): Promise<void>;
  remove(appId: string): Promise<void>;
}

export interface AppsDeps extends DeployDeps, NamesDeps {
  readonly belongings: AppBelongings;
  /** Apps get users from this uid on. */
  readonly firstAppUid: number;
}

/** Makes the app with its first release, networks and repository. Removes all of it when one of them fails. */
export async function createApp(name: string | null, actor: Actor, deps: AppsDeps): Promise<App> {
  const chosen = name ?? (await freeName(deps.store));
  const created = await deps.store.transaction(async (tables) => {
    await takeAppName(tables, chosen, { actor, deps });
    const app = await tables.apps.create({ name: chosen, ownerId: actor.accountId, firstUid: deps.firstAppUid });
    await tables.events.append(eventOf('app.created', actor, { appId: app.id, data: { name: app.name } }));
    const release = await makeRelease(tables, {
      app,
      artifactId: null,
      cause: 'create',
      description: 'Initial release',
      actor,
    });
    await tables.releases.setStatus(release.id, 'succeeded');
    await tables.traffic.switchAllTo(app.id, release.id);
    return app;
  });
  try {
    await ensureNetworks(created, deps.environment);
    await deps.belongings.create(created.id);
  } catch (error) {
    await destroyApp(created, actor, deps).catch((second: unknown) => {
      deps.logger.warn('an app whose creation failed could not be removed', { error: second, appId: created.id });
    });
    throw error;
  }
  return deps.store.apps.get(created.id);
}

export async function renameApp(app: App, to: string, { actor, deps }: ByActor<NamesDeps>): Promise<App> {
  return deps.store.transaction(async (tables) => {
    await takeAppName(tables, to, { actor, deps });
    await tables.apps.rename(app.id, to);
    await giveUp(tables, [app.name], { accountId: app.ownerId, deps });
    await tables.events.append(eventOf('app.renamed', actor, { appId: app.id, data: { name: to, from: app.name } }));
    return tables.apps.get(app.id);
  });
}

export async function setMaintenance(
  { id }: Pick<App, 'id'>,
  on: boolean,
  { actor, deps: { store } }: ByActor<{ readonly store: Pick<Store, 'transaction'> }>,
): Promise<void> {
  await store.transaction(async (tables) => {
    const { name, maintenance } = await tables.apps.get(id);
    if (maintenance === on) return;
    await tables.apps.setMaintenance(id, on);
    await tables.events.append(eventOf('app.maintenance', actor, { appId: id, data: { name, on } }));
  });
}

/** A build under way goes on with the cache that it has, and leaves nothing to the next one. */
export async function purgeBuildCache(
  { id }: Pick<App, 'id'>,
  { actor, deps: { store } }: ByActor<{ readonly store: Pick<Store, 'transaction'> }>,
): Promise<void> {
  await store.transaction(async (tables) => {
    const { name } = await tables.apps.get(id);
    await tables.apps.purgeCache(id);
    await tables.events.append(eventOf('app.cache_purged', actor, { appId: id, data: { name } }));
  });
}

/**
 * Ends the work under way for the app and removes the app. Its row goes first, so that nothing starts again, then everything
 * with its label. What cannot be removed now, because an engine is away or the platform crashes, is removed when it is back.
 */
export async function destroyApp(app: App, actor: Actor, deps: AppsDeps): Promise<void> {
  await deps.work.endAll(app.id, async (allEnded) => {
    await forgetApp(app, { actor, deps });
    try {
      await allEnded();
      await deps.belongings.remove(app.id);
      await removeEnvironment(app.id, 'all volumes', deps.environment);
    } catch (error) {
      deps.logger.warn('a destroyed app could not be removed completely; trying again later', { error, appId: app.id });
    }
  });
}

/** Removes the app's rows. Its names stay with their owner for a while. */
export async function forgetApp({ id }: Pick<App, 'id'>, { actor, deps }: ByActor<NamesDeps>): Promise<void> {
  await deps.store.transaction(async (tables) => {
    const app = await tables.apps.find(id);
    // Another caller has destroyed it.
    if (!app) return;
    const hostnames = (await tables.domains.list(id)).map(({ hostname }) => hostname);
    await tables.events.append(eventOf('app.destroyed', actor, { appId: id, data: { name: app.name } }));
    await giveUp(tables, [app.name, ...hostnames], { accountId: app.ownerId, deps });
    await tables.apps.remove(id);
  });
}

const adjectives = [
  'brisk',
  'calm',
  'clear',
  'deep',
  'early',
  'fresh',
  'gentle',
  'keen',
  'light',
  'noble',
  'quiet',
  'swift',
  'warm',
  'wide',
];
const nouns = [
  'bay',
  'brook',
  'cliff',
  'delta',
  'field',
  'fjord',
  'grove',
  'harbor',
  'island',
  'meadow',
  'ridge',
  'river',
  'spring',
  'valley',
];

async function freeName(store: Store): Promise<string> {
  for (;;) {
    const name = `${pick(adjectives)}-${pick(nouns)}-${randomInt(1000, 100_000)}`;
    if (!(await store.apps.findByName(name)) && !(await store.names.find(name, 'kept'))) return name;
  }
}

function pick(words: readonly string[]): string {
  return words[randomInt(words.length)] ?? 'app';
}
