import type { App } from '../domain/app.ts';
import { type Engine, labelNames } from '../domain/engine.ts';
import { errorCode } from '../domain/errors.ts';
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

/** Makes the app's own network on every host. Called with the app, not in the deploy: it costs a tenth of a second. */
export async function ensureNetworks(app: Pick<App, 'id'>, dependencies: EnvironmentDependencies): Promise<void> {
  const hosts = await dependencies.store.hosts.list();
  await Promise.all(hosts.map(({ id }) => ensureNetwork(app, id, dependencies)));
}

/** Makes the app's own network on a host unless it is there. */
export async function ensureNetwork(
  app: Pick<App, 'id'>,
  hostId: string,
  { engine, store, platformId, networkPool }: EnvironmentDependencies,
): Promise<void> {
  const [known] = await store.appNetworks.list({ appId: app.id, hostId });
  if (known && (await engine.networks.inspect(known.networkId))) return;
  const network = await engine.networks.create({
    name: `paas-${platformId.slice(0, 8)}-${app.id}`,
    labels: labelsOf(app.id, { platformId }),
    pool: networkPool,
    prefixLength,
  });
  try {
    await store.appNetworks.put({ appId: app.id, hostId, kind: 'bridge', networkId: network.id });
  } catch (error) {
    if (errorCode(error) !== 'not_found') throw error;
    // Destroyed meanwhile, by somebody who did not see the network.
    await engine.networks.remove(network.id);
  }
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
