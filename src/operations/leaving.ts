import { type Instance, isFinal } from '../domain/instance.ts';
import type { Store } from '../domain/store.ts';
import { watchInstances } from './watch-instances.ts';

/** Longer than requests in flight and SIGTERM take by default. */
const longestLeaveMs = 120_000;

/** Resolves when all of these instances have ended, or after two minutes. Throws the signal's reason. */
export async function allLeft(
  instances: readonly Pick<Instance, 'id'>[],
  store: Store,
  signal: AbortSignal,
): Promise<void> {
  const ids = new Set(instances.map(({ id }) => id));
  const staying = new Set(ids);
  const look = async (id: string, instance: Instance | null) => {
    if (!instance || isFinal(instance.state)) staying.delete(id);
    return staying.size === 0;
  };
  const cancelled = () => signal.reason;
  await watchInstances({ ids, store }, look, { signal, cancelled, limitMs: longestLeaveMs, late: null });
}
