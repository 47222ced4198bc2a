import { type ContainerNetwork, type Engine, labelNames } from '../domain/engine.ts';
import { type ErrorCode, errorCode, PlatformError } from '../domain/errors.ts';
import { oneShotTypes } from '../domain/formation.ts';
import type { Instance } from '../domain/instance.ts';
import type { OneOff } from '../domain/one-off.ts';
import type { LifeDeps } from './life-deps.ts';
import { specOf } from './spec-of.ts';

/** What is known of an instance once its container runs. */
export interface StartedInstance {
  readonly containerId: string;
  readonly address: string | null;
  readonly port: number | null;
}

export interface StartSignals {
  /** Ends the wait for a terminal, and everything up to the start itself. */
  readonly unwanted: AbortSignal;
  /** Ends the terminal. */
  readonly closing: AbortSignal;
}

/** Nothing is wrong with the instance: what it needs is away, and comes back. */
export function isRetried(code: ErrorCode): boolean {
  return code === 'unavailable' || code === 'timeout' || code === 'busy';
}

/**
 * Makes and starts the container of an instance; the same container again when it was made before a crash of ours.
 * Throws the reason of `unwanted`, what `isRetried` (try again) or anything else: it cannot be started as it is.
 */
export async function startInstance(
  instance: Instance,
  deps: LifeDeps,
  { unwanted, closing }: StartSignals,
): Promise<StartedInstance> {
  const { engine, store, terminals } = deps;
  const run = oneShotTypes.has(instance.type) ? await store.oneOffs.find(instance.id) : null;
  if (run?.attach && !terminals.isExpected(instance.id)) {
    throw new PlatformError('start_failed', 'The platform was restarted before this one-off began.', {
      hint: 'Run it again.',
    });
  }
  const { container, port } = await specOf(instance, run, deps);
  if (run?.attach) await terminals.arrived(instance.id, unwanted);
  unwanted.throwIfAborted();
  const containerId = await engine.containers.create(container);
  // Written before the start: whoever dies now finds the container again by the row, and knows where it must answer.
  await store.instances.observe(instance.id, { containerId, port }).catch(async (error: unknown) => {
    // The app was destroyed while the engine made this; whoever did that may not have found it yet.
    if (errorCode(error) === 'not_found') await engine.containers.remove(containerId);
    throw error;
  });
  unwanted.throwIfAborted();
  try {
    if (run?.attach) await startAttached(instance, { containerId, run, deps, closing });
    else await engine.containers.start(containerId);
  } catch (error) {
    if (errorCode(error) === 'not_found') await withoutNetwork(containerId, container.networks, engine);
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
 * A container is made for a network that nobody looks for until the start. Without it, it can never start: another one is
 * made when the network is there again, which somebody sees to within seconds.
 */
async function withoutNetwork(
  containerId: string,
  networks: readonly ContainerNetwork[],
  engine: Engine,
): Promise<void> {
  await engine.containers.remove(containerId);
  const found = await Promise.all(networks.map(({ id }) => engine.networks.inspect(id)));
  if (!found.includes(null)) return;
  throw new PlatformError('unavailable', "The app's network is missing and is being made anew.");
}

/** The labels by which the supervisor finds its instances' containers. */
export function allInstances(platformId: string): Readonly<Record<string, string>> {
  return { [labelNames.platform]: platformId, [labelNames.role]: 'instance' };
}
