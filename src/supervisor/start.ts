import type { ContainerNetwork } from '../domain/containers.ts';
import type { Engine } from '../domain/engine.ts';
import { type ErrorCode, errorCode, PlatformError } from '../domain/errors.ts';
import { oneShotTypes } from '../domain/formation.ts';
import type { Instance } from '../domain/instance.ts';
import { labelNames } from '../domain/labels.ts';
import type { OneOff } from '../domain/one-off.ts';
import type { LifeDeps } from './life-deps.ts';
import { specOf } from './spec-of.ts';

export interface StartedInstance {
  readonly containerId: string;
  readonly address: string | null;
  readonly port: number | null;
}

export interface StartSignals {
  /** The instance is to stop: ends the wait for a terminal and all before the start itself. */
  readonly toStop: AbortSignal;
  /** The platform stops: ends the terminal. */
  readonly closing: AbortSignal;
}

/** Whether the start is worth another try: the engine, the store or the network is away. */
export function isRetried(code: ErrorCode): boolean {
  return code === 'unavailable' || code === 'timeout' || code === 'busy';
}

/**
 * Makes and starts the container of an instance. Finds it again by its name when a crash interrupted an earlier call.
 * Throws the reason of `toStop`, an error that `isRetried`, or another: then the instance cannot start.
 */
export async function startInstance(
  instance: Instance,
  deps: LifeDeps,
  { toStop, closing }: StartSignals,
): Promise<StartedInstance> {
  const { engine, store, terminals } = deps;
  const run = oneShotTypes.has(instance.type) ? await store.oneOffs.find(instance.id) : null;
  if (run?.attach && !terminals.isExpected(instance.id)) {
    throw new PlatformError('start_failed', 'The platform was restarted before this one-off began.', {
      hint: 'Run it again.',
    });
  }
  await deps.ensureNetwork({ id: instance.appId }, instance.hostId);
  const { container, port } = await specOf(instance, run, deps);
  if (run?.attach) await terminals.arrived(instance.id, toStop);
  toStop.throwIfAborted();
  const containerId = await engine.containers.create(container);
  // Written before the start, so that after a crash the row leads to the container and its port.
  await store.instances.observe(instance.id, { containerId, port }).catch(async (error: unknown) => {
    // The app was destroyed while the engine made the container; the destroying verb may have missed it.
    if (errorCode(error) === 'not_found') await engine.containers.remove(containerId);
    throw error;
  });
  toStop.throwIfAborted();
  try {
    if (run?.attach) await startAttached(instance, { containerId, run, deps, closing });
    else await engine.containers.start(containerId);
  } catch (error) {
    if (errorCode(error) === 'not_found') await removeIfWithoutNetwork(containerId, container.networks, engine);
    throw error;
  }
  for (const network of container.networks)
    if (network.when === 'later') await engine.networks.join(network, containerId);
  const state = await engine.containers.inspect(containerId);
  return { containerId, address: state?.address ?? null, port };
}

async function startAttached(
  instance: Instance,
  {
    containerId,
    run,
    deps: { engine, terminals },
    closing,
  }: {
    readonly containerId: string;
    readonly run: OneOff;
    readonly deps: LifeDeps;
    readonly closing: AbortSignal;
  },
): Promise<void> {
  if (!terminals.held(instance.id, containerId)) {
    terminals.hold(instance.id, containerId, await engine.containers.attach(containerId, closing));
  }
  await engine.containers.start(containerId);
  terminals.started(instance.id);
  if (run.tty && run.columns && run.rows) {
    await engine.containers.resize(containerId, { columns: run.columns, rows: run.rows }).catch(() => undefined);
  }
}

/**
 * The engine looks for a container's network at the start only, and a container whose network is gone can never start.
 * Removes the container, and throws `unavailable` if a network is missing: the next try makes it again, and another container.
 */
async function removeIfWithoutNetwork(
  containerId: string,
  networks: readonly ContainerNetwork[],
  engine: Engine,
): Promise<void> {
  await engine.containers.remove(containerId);
  const found = await Promise.all(networks.map(({ id }) => engine.networks.inspect(id)));
  if (!found.includes(null)) return;
  throw new PlatformError('unavailable', "The app's network was removed while the instance started.");
}

/** The labels by which the supervisor finds its instances' containers. */
export function allInstances(platformId: string): Readonly<Record<string, string>> {
  return { [labelNames.platform]: platformId, [labelNames.role]: 'instance' };
}
