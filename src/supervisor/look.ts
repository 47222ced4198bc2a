import { type ContainerState, countsAsRunning, type Engine, labelNames } from '../domain/engine.ts';
import type { Instance } from '../domain/instance.ts';
import type { Clock } from '../system/clock.ts';
import type { StepFacts } from './step.ts';
import type { Terminals } from './terminals.ts';

/** What a look at the container says. */
export type Sight = Pick<StepFacts, 'container' | 'cutOff' | 'abandoned'>;

/** An engine that is just starting may not have given the address yet. */
const secondLookMs = 1000;

/** Asks the engine about the instance's container. With the address that it has now, unless it has none. */
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

/** What a step takes for the container's state: one that is paused goes on when it is asked to, as it was. */
export function seen(state: ContainerState | null): Sight['container'] {
  if (state === null) return 'none';
  return state.status === 'paused' ? 'running' : state.status;
}

/** It should have an address, or had one. */
function isCutOff({ port, address: before }: Instance, { status, address }: ContainerState): boolean {
  return countsAsRunning({ status }) && address === null && (port !== null || before !== null);
}
