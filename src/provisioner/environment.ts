import type { App } from '../domain/app.ts';
import { type Engine, type Labels, labelNames } from '../domain/engine.ts';
import type { Engines } from '../domain/engines.ts';
import { errorCode, PlatformError } from '../domain/errors.ts';
import type { Instance } from '../domain/instance.ts';
import type { Store } from '../domain/store.ts';
import type { Logger } from '../system/logger.ts';

/** Room for two releases of 25 instances during a deploy, and the gateway (contracts: hardening §3.4). */
const prefixLength = 26;

/** Where apps' environments are made. */
export interface EnvironmentDeps {
  readonly engines: Engines;
  readonly store: Store;
  readonly platformId: string;
  readonly networkPool: string;
}

/**
 * Makes the app's own network on every host. Called with the app, not in the deploy: it costs a tenth of a second.
 * Resolves when one host has it, so that none waits for one that hangs; the environment keeper sees to the others.
 * Throws the first host's reason when none can have it.
 */
export async function ensureNetworks(app: Pick<App, 'id'>, dependencies: EnvironmentDeps): Promise<void> {
  const making = dependencies.engines.known().map((hostId) => ensureNetwork(app, hostId, dependencies));
  try {
    await Promise.any(making);
  } catch (error) {
    throw error instanceof AggregateError ? (error.errors[0] ?? noHost()) : error;
  }
}

/**
 * Makes the network of the app on each host where its instances were placed, unless it is there. Never throws: where it
 * cannot be made now, the environment keeper makes it and the start is tried again.
 */
export async function ensureNetworksFor(
  instances: readonly Pick<Instance, 'appId' | 'hostId'>[],
  dependencies: EnvironmentDeps,
  logger: Logger,
): Promise<void> {
  const byHost = new Map(instances.map(({ appId, hostId }) => [hostId, appId]));
  const making = [...byHost].map(([hostId, id]) =>
    ensureNetwork({ id }, hostId, dependencies).catch((error: unknown) =>
      logger.warn('the network of an app could not be made where an instance was placed', { error, appId: id, hostId }),
    ),
  );
  await Promise.all(making);
}

/** Makes the app's own network on a host unless it is there. */
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
 * Removes everything on every host that carries the app's label, see `removeFrom`. Throws the first failure, when what can
 * be removed from the other hosts is removed.
 */
export async function removeEnvironment(
  appId: string,
  volumes: Removable,
  dependencies: EnvironmentDeps,
): Promise<void> {
  const { engines } = dependencies;
  const labels = labelsOf(appId, dependencies);
  const removing = engines.known().map((hostId) => removeFrom(engines.on(hostId), labels, volumes));
  for (const outcome of await Promise.allSettled(removing)) if (outcome.status === 'rejected') throw outcome.reason;
}

/** With `caches` only volumes that can be made again: what a person stored goes only when a person says so. */
export type Removable = 'all volumes' | 'caches';

/**
 * Removes everything in one host's engine that carries these labels: containers, volumes, images and last the network, by
 * which an environment is known whose removal was broken off. May be called again after a failure.
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
