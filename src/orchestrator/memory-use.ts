import type { Engines } from '../domain/engines.ts';
import { type Instance, isFinal } from '../domain/instance.ts';

/** An answer waits no longer than this for what instances use. */
const answersMs = 1500;
/** The engine's port reads eight at once. A part that is read in time is shown, even if the next one is not. */
const atOnce = 16;

/**
 * Bytes of memory that each instance uses now, by its id, without the file cache that the kernel would drop first. Instances
 * that do not run, and those that could not be measured in time, are absent. Never throws.
 */
export async function memoryUse(
  instances: readonly Instance[],
  engines: Engines,
): Promise<ReadonlyMap<string, number>> {
  const used = new Map<string, number>();
  const running = instances.filter(({ containerId, state }) => containerId !== null && !isFinal(state));
  const byHost = Map.groupBy(running, ({ hostId }) => hostId);
  const signal = AbortSignal.timeout(answersMs);
  const measure = async (hostId: string, all: readonly Instance[]) => {
    for (let start = 0; start < all.length && !signal.aborted; start += atOnce) {
      const part = all.slice(start, start + atOnce);
      const ids = part.map(({ containerId }) => containerId ?? '');
      const stats = await engines.on(hostId).containers.stats(ids, signal);
      for (const { id, containerId } of part) {
        const found = stats.get(containerId ?? '');
        if (found) used.set(id, found.memory.usedBytes);
      }
    }
  };
  // What a host does not answer is absent.
  await Promise.allSettled([...byHost].map(([hostId, all]) => measure(hostId, all)));
  return used;
}
