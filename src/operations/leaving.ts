import { type Instance, isFinal } from '../domain/instance.ts';
import type { Store } from '../domain/store.ts';

/** Longer than requests in flight and SIGTERM take by default. */
const longestLeaveMs = 120_000;

/** Resolves when all of these instances have ended, or after two minutes. Throws the signal's reason. */
export async function allLeft(
  instances: readonly Pick<Instance, 'id'>[],
  store: Store,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const staying = new Set(instances.map(({ id }) => id));
  if (staying.size === 0) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = async (id: string) => {
    const instance = await store.instances.find(id);
    if (!instance || isFinal(instance.state)) staying.delete(id);
    if (staying.size === 0) resolve();
  };
  const lookAtAll = () => {
    for (const id of staying) look(id).catch(reject);
  };
  const unsubscribe = store.changes.subscribe((change) => {
    if (change.table === 'instances' && staying.has(change.id)) look(change.id).catch(reject);
  }, lookAtAll);
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(resolve, longestLeaveMs);
  try {
    lookAtAll();
    await promise;
  } finally {
    clearTimeout(timer);
    unsubscribe();
    signal.removeEventListener('abort', abort);
  }
}
