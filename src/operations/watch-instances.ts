import type { Instance } from '../domain/instance.ts';
import type { Store } from '../domain/store.ts';

/** Until when instances are watched. */
export interface WatchEnd {
  readonly signal: AbortSignal;
  /** The error when the signal aborts. */
  readonly cancelled: () => unknown;
  readonly limitMs: number;
  /** The error when the limit is reached. Null: the watch then resolves. */
  readonly late: (() => unknown) | null;
}

/**
 * Calls `look` with each of the instances now and whenever it changed: with null when its row is gone. Resolves once `look`
 * answers true, and throws what it throws.
 */
export async function watchInstances(
  { ids, store }: { readonly ids: ReadonlySet<string>; readonly store: Store },
  look: (id: string, instance: Instance | null) => Promise<boolean>,
  { signal, cancelled, limitMs, late }: WatchEnd,
): Promise<void> {
  if (signal.aborted) throw cancelled();
  if (ids.size === 0) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const lookAt = async (id: string) => {
    if (await look(id, await store.instances.find(id))) resolve();
  };
  const lookAtAll = () => {
    for (const id of ids) lookAt(id).catch(reject);
  };
  const unsubscribe = store.changes.subscribe((change) => {
    if (change.table === 'instances' && ids.has(change.id)) lookAt(change.id).catch(reject);
  }, lookAtAll);
  const abort = () => reject(cancelled());
  signal.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(() => (late ? reject(late()) : resolve()), limitMs);
  try {
    lookAtAll();
    await promise;
  } finally {
    clearTimeout(timer);
    unsubscribe();
    signal.removeEventListener('abort', abort);
  }
}
