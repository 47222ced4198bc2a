import { type ContainerState, countsAsRunning } from '../domain/containers.ts';
import type { Engine } from '../domain/engine.ts';
import type { Instance } from '../domain/instance.ts';
import { labelNames } from '../domain/labels.ts';
import type { Clock } from '../system/clock.ts';
import type { StepFacts } from './step.ts';
import type { Terminals } from './terminals.ts';

/** The facts that a look at the container gives. */
export type Sight = Pick<StepFacts, 'container' | 'cutOff' | 'abandoned'>;

/** An engine that is starting may not have assigned the address yet. */
const secondLookMs = 1000;

/** Asks the engine about the instance's container. Also gives its address now; null when it has none. */
export async function lookAt(
  instance: Instance,
  { engine, clock, terminals }: { readonly engine: Engine; readonly clock: Clock; readonly terminals: Terminals },
  signal: AbortSignal,
): Promise<Sight & { readonly address: string | null }> {
  const { containerId } = instance;
  let state = containerId ? await engine.containers.inspect(containerId) : null;
  if (state && isCutOff(instance, state)) {
    await clock.sleep(secondLookMs, signal);
    state = await engine.containers.inspect(state.id);
  }
  return {
    container: seen(state),
    cutOff: state !== null && isCutOff(instance, state),
    abandoned: state?.labels[labelNames.terminal] === 'yes' && !terminals.isExpected(instance.id),
    address: state?.address ?? null,
  };
}

/** The container's state for `step`. A paused container counts as running: it continues as it was. */
export function seen(state: ContainerState | null): Sight['container'] {
  if (state === null) return 'none';
  return state.status === 'paused' ? 'running' : state.status;
}

/** It runs without an address, and needs one or had one. */
function isCutOff({ port, address: before }: Instance, { status, address }: ContainerState): boolean {
  return countsAsRunning({ status }) && address === null && (port !== null || before !== null);
}
