import type { App } from '../domain/app.ts';
import { appNetworkPrefix } from '../domain/app-network.ts';
import type { Engine } from '../domain/engine.ts';
import type { Engines } from '../domain/engines.ts';
import { errorCode, PlatformError } from '../domain/errors.ts';
import type { Instance } from '../domain/instance.ts';
import { type Labels, labelNames } from '../domain/labels.ts';
import type { Store } from '../domain/store.ts';
import type { Logger } from '../system/logger.ts';

export interface EnvironmentDeps {
  readonly engines: Engines;
  readonly store: Store;
  readonly platformId: string;
  readonly networkPool: string;
}

/**
 * Makes the app's own network on every host. Called when the app is created, because it costs a tenth of a second of a deploy.
 * Resolves when one host has it, so that no caller waits for a host that hangs; the environment keeper repairs the others.
 * Throws the first host's failure when every host fails.
 */
export async function ensureNetworks(app: Pick<App, 'id'>, deps: EnvironmentDeps): Promise<void> {
  const making = deps.engines.known().map((hostId) => ensureNetwork(app, hostId, deps));
  try {
    await Promise.any(making);
  } catch (error) {
    throw error instanceof AggregateError ? (error.errors[0] ?? noHost()) : error;
  }
}

/**
 * Makes the network of the app on each host where its instances were placed, unless it exists. Never throws: where
 * it cannot be made now, the environment keeper makes it later, and the start is tried again.
 */
export async function ensureNetworksFor(
  instances: readonly Pick<Instance, 'appId' | 'hostId'>[],
  deps: EnvironmentDeps,
  logger: Logger,
): Promise<void> {
  const byHost = new Map(instances.map(({ appId, hostId }) => [hostId, appId]));
  const making = [...byHost].map(([hostId, id]) =>
    ensureNetwork({ id }, hostId, deps).catch((error: unknown) =>
      logger.warn('the network of an app could not be made on the host of a new instance', {
        error,
        appId: id,
        hostId,
      }),
    ),
  );
  await Promise.all(making);
}

/** Makes the app's own network on a host unless it exists. */
export async function ensureNetwork(
  app: Pick<App, 'id'>,
  hostId: string,
  { engines, store, platformId, networkPool }: EnvironmentDeps,
): Promise<void> {
  const engine = engines.on(hostId);
  const [known] = await store.appNetworks.list({ appId: app.id, hostId });
  if (known && (await engine.networks.inspect(known.networkId))) return;
  const network = await engine.networks.create({
    name: `paas-${platformId.slice(0, 8)}-${app.id}`,
    labels: labelsOf(app.id, { platformId }),
    pool: networkPool,
    prefixLength: appNetworkPrefix,
  });
  try {
    await store.appNetworks.put({ appId: app.id, hostId, kind: 'bridge', networkId: network.id });
  } catch (error) {
    if (errorCode(error) !== 'not_found') throw error;
    // The app was destroyed meanwhile, and its network was not found then.
    await engine.networks.remove(network.id);
  }
}

/**
 * Removes everything with the app's label from every host, see `removeFrom`. Throws the first failure, after it has removed
 * everything from the other hosts.
 */
export async function removeEnvironment(appId: string, volumes: Removable, deps: EnvironmentDeps): Promise<void> {
  const { engines } = deps;
  const labels = labelsOf(appId, deps);
  const removing = engines.known().map((hostId) => removeFrom(engines.on(hostId), labels, volumes));
  for (const outcome of await Promise.allSettled(removing)) if (outcome.status === 'rejected') throw outcome.reason;
}

/** `caches` are the volumes that can be made again. Stored data is removed only when a person destroys its app. */
export type Removable = 'all volumes' | 'caches';

/**
 * Removes everything with these labels from one host's engine: containers, volumes, images and last the network, by which the
 * environment keeper finds an environment whose removal was interrupted. May be called again after a failure.
 */
export async function removeFrom(engine: Engine, labels: Labels, volumes: Removable): Promise<void> {
  const ofVolumes = volumes === 'caches' ? { ...labels, [labelNames.role]: 'cache' } : labels;
  for (const { id } of await engine.containers.list(labels)) await engine.containers.remove(id);
  for (const { name } of await engine.volumes.list(ofVolumes)) await engine.volumes.remove(name);
  for (const { id, tags } of await engine.images.list(labels)) {
    for (const tag of tags) await engine.images.remove(tag);
    await engine.images.remove(id);
  }
  for (const { id } of await engine.networks.list(labels)) await engine.networks.remove(id);
}

export function labelsOf(appId: string, { platformId }: Pick<EnvironmentDeps, 'platformId'>): Labels {
  return { [labelNames.platform]: platformId, [labelNames.app]: appId };
}

function noHost(): PlatformError {
  return new PlatformError('unavailable', 'No host is known.', { hint: 'See: paas doctor' });
}
