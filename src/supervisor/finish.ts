import { oneShotTypes } from '../domain/formation.ts';
import type { Instance } from '../domain/instance.ts';
import type { Store } from '../domain/store.ts';
import { endReason } from './ending.ts';
import type { InstanceWriter } from './instance-writer.ts';
import type { LifeDeps } from './life-deps.ts';
import { listenersIn } from './listening.ts';
import type { EndCause } from './step.ts';

const killedExitCode = 137;
/** Last words are mostly in the log within a tenth of this. The replacement of a crashed instance does not wait longer. */
const lastWordsMs = 200;

/** The facts of an end that the life of the instance knows. */
export interface End {
  readonly state: 'stopped' | 'crashed';
  readonly why: EndCause;
  /** It was still running when the grace time after its stop signal was over. */
  readonly stubborn: boolean;
  /** Null when only the engine knows. */
  readonly ranOutOfMemory: boolean | null;
}

/** Ends the container of an instance, if it still runs, and writes how it ended. Gives the new row. May be called again after a failure. */
export async function finishInstance(
  instance: Instance,
  { state, why, stubborn, ranOutOfMemory }: End,
  { writer, deps }: { readonly writer: InstanceWriter; readonly deps: LifeDeps },
): Promise<Instance> {
  const { hostId, containerId, type } = instance;
  const { engine, store, settings, clock, terminals } = deps;
  const listeners = containerId && why === 'boot-timeout' ? await listenersIn(engine, containerId) : null;
  if (containerId && (why === 'boot-timeout' || why === 'cut-off')) await engine.containers.stop(containerId, 0);
  const last = containerId ? await engine.containers.inspect(containerId) : null;
  const exitCode = last?.exitCode ?? null;
  const { stopSignal, ports } = await writer.program(instance);
  const reason = endReason({
    instance,
    why,
    exitCode,
    outOfMemory: ranOutOfMemory ?? last?.oomKilled ?? false,
    stubborn: stubborn && exitCode === killedExitCode,
    stopSignal,
    ports: instance.port === null ? [] : [instance.port, ...ports.filter((port) => port !== instance.port)],
    listeners,
    lifeMs: instance.stopReason === 'expired' ? await lifeOf(instance, store) : null,
    settings,
  });
  const ofOneShot = oneShotTypes.has(type) ? 'run.ended' : 'instance.stopped';
  const kind = state === 'crashed' ? 'instance.crashed' : ofOneShot;
  // So that the line of the end is below them.
  if (containerId) await Promise.race([deps.logs.finished({ hostId, containerId }), clock.sleep(lastWordsMs)]);
  const ended = await writer.observed({ state, exitCode, reason, endedAt: clock.now() }, kind);
  terminals.ended(ended.id, exitCode ?? killedExitCode, ended.reason);
  return ended;
}

async function lifeOf({ id }: Instance, store: Store): Promise<number | null> {
  const oneOff = await store.oneOffs.find(id);
  return oneOff && oneOff.deadline.getTime() - oneOff.createdAt.getTime();
}

/** Removes an ended container once its output is in the app's log. Never throws: the next sweep removes it otherwise. */
export async function clearContainer(
  { hostId, containerId }: Instance,
  { engine, logs, logger }: LifeDeps,
): Promise<void> {
  if (!containerId) return;
  try {
    await logs.finished({ hostId, containerId });
    await engine.containers.remove(containerId);
  } catch (error) {
    logger.warn('an ended container could not be removed; the next sweep tries again', { error, containerId });
  }
}
