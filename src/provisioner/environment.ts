import type { App } from '../domain/app.ts';
import { type Engine, labelNames } from '../domain/engine.ts';
import type { Store } from '../domain/store.ts';

/** Room for two releases of 25 instances during a deploy, and the gateway (contracts: hardening §3.4). */
const prefixLength = 26;

/** Where apps' environments are made. */
export interface EnvironmentDependencies {
  readonly engine: Engine;
  readonly store: Store;
  readonly platformId: string;
  readonly networkPool: string;
}

/** Makes the app's own network unless it is there. Called with the app, not in the deploy: it costs a tenth of a second. */
export async function ensureNetwork(
  app: Pick<App, 'id' | 'networkId'>,
  { engine, store, platformId, networkPool }: EnvironmentDependencies,
): Promise<void> {
  if (app.networkId && (await engine.networks.inspect(app.networkId))) return;
  const network = await engine.networks.create({
    name: `paas-${platformId.slice(0, 8)}-${app.id}`,
    labels: { [labelNames.platform]: platformId, [labelNames.app]: app.id },
    pool: networkPool,
    prefixLength,
  });
  if (await store.apps.find(app.id)) await store.apps.setNetwork(app.id, network.id);
  // Destroyed meanwhile, by somebody who did not see it.
  else await engine.networks.remove(network.id);
}

/**
 * Removes everything in the engine that carries the app's label: containers, volumes, images and last the network, by
 * which an environment is known whose removal was broken off. May be called again after a failure. With `caches`, of the
 * volumes only those that can be made again: what a person stored goes only when a person says so.
 */
export async function removeEnvironment(
  appId: string,
  volumes: 'all volumes' | 'caches',
  dependencies: EnvironmentDependencies,
): Promise<void> {
  const { engine } = dependencies;
  const labels = labelsOf(appId, dependencies);
  const ofVolumes = volumes === 'caches' ? { ...labels, [labelNames.role]: 'cache' } : labels;
  for (const { id } of await engine.containers.list(labels)) await engine.containers.remove(id);
  for (const { name } of await engine.volumes.list(ofVolumes)) await engine.volumes.remove(name);
  for (const { id, tags } of await engine.images.list(labels)) {
    for (const tag of tags) await engine.images.remove(tag);
    await engine.images.remove(id);
  }
  for (const { id } of await engine.networks.list(labels)) await engine.networks.remove(id);
}

export function labelsOf(
  appId: string,
  { platformId }: Pick<EnvironmentDependencies, 'platformId'>,
): Readonly<Record<string, string>> {
  return { [labelNames.platform]: platformId, [labelNames.app]: appId };
}
