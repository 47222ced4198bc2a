import type { App } from '../domain/app.ts';
import { type Engine, labelNames } from '../domain/engine.ts';
import type { Store } from '../domain/store.ts';

/** Room for two releases of 25 instances during a deploy, and the gateway (contracts: hardening §3.4). */
const prefixLength = 26;

export interface EnvironmentDependencies {
  readonly engine: Engine;
  readonly store: Store;
  readonly platformId: string;
  readonly networkPool: string;
}

/** Makes the app's own network if it has none. Called with the app, not in the deploy: it costs a tenth of a second. */
export async function ensureNetwork(
  app: App,
  { engine, store, platformId, networkPool }: EnvironmentDependencies,
): Promise<void> {
  if (app.networkId && (await engine.networks.inspect(app.networkId))) return;
  const network = await engine.networks.create({
    name: `paas-${platformId.slice(0, 8)}-${app.id}`,
    labels: { [labelNames.platform]: platformId, [labelNames.app]: app.id },
    pool: networkPool,
    prefixLength,
  });
  await store.apps.setNetwork(app.id, network.id);
}

/**
 * Removes everything in the engine that carries the app's label: containers, networks, volumes, image tags. May be
 * called again after a failure.
 */
export async function removeEnvironment(appId: string, { engine, platformId }: EnvironmentDependencies): Promise<void> {
  const labels = { [labelNames.platform]: platformId, [labelNames.app]: appId };
  for (const { id } of await engine.containers.list(labels)) await engine.containers.remove(id);
  for (const { id } of await engine.networks.list(labels)) await engine.networks.remove(id);
  for (const { name } of await engine.volumes.list(labels)) await engine.volumes.remove(name);
  for (const { id, tags } of await engine.images.list(labels)) {
    for (const tag of tags) await engine.images.remove(tag);
    await engine.images.remove(id);
  }
}
