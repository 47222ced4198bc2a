import type { Engines } from '../domain/engines.ts';
import { type Instance, isFinal } from '../domain/instance.ts';
import type { Clock } from '../system/clock.ts';

/** An answer waits no longer than this for what instances use. Docker measures once a second. */
const answersMs = 2000;
/** No instance is measured more often, however many people look. */
const keptMs = 5000;
/** An engine that does not answer is given up after this. */
const measuresMs = 15_000;

/**
 * Bytes of memory that each instance uses, by its id, without the file cache that the kernel would drop first. Five seconds
 * old at most. Instances that do not run, and those that could not be measured in time, are absent. Never throws.
 */
export type MemoryUse = (instances: readonly Instance[]) => Promise<ReadonlyMap<string, number>>;

export function createMemoryUse({ engines, clock }: { readonly engines: Engines; readonly clock: Clock }): MemoryUse {
  const known = new Map<string, { readonly usedBytes: number; readonly untilMs: number }>();
  /** By instance. Each ends when its host has answered or was given up, and never throws. */
  const measuring = new Map<string, Promise<void>>();

  const measure = async (hostId: string, all: readonly Instance[]) => {
    const ids = all.map(({ containerId }) => containerId ?? '');
    try {
      const stats = await engines.on(hostId).containers.stats(ids, AbortSignal.timeout(measuresMs));
      const untilMs = clock.monotonicMs() + keptMs;
      for (const { id, containerId } of all) {
        const usedBytes = stats.get(containerId ?? '')?.memory.usedBytes;
        if (usedBytes !== undefined) known.set(id, { usedBytes, untilMs });
      }
    } catch {
      // What a host does not answer is absent. `paas doctor` reports the engine.
    } finally {
      for (const { id } of all) measuring.delete(id);
    }
  };

  return async (instances) => {
    const now = clock.monotonicMs();
    for (const [id, { untilMs }] of known) if (untilMs <= now) known.delete(id);
    const running = instances.filter(({ containerId, state }) => containerId !== null && !isFinal(state));
    const unknown = running.filter(({ id }) => !known.has(id));
    const asked = unknown.filter(({ id }) => !measuring.has(id));
    for (const [hostId, all] of Map.groupBy(asked, (instance) => instance.hostId)) {
      const ended = measure(hostId, all);
      for (const { id } of all) measuring.set(id, ended);
    }
    if (unknown.length > 0) {
      const waiting = new AbortController();
      const late = clock.sleep(answersMs, waiting.signal).catch(() => undefined);
      await Promise.race([late, Promise.all(unknown.map(({ id }) => measuring.get(id)))]);
      waiting.abort();
    }
    return new Map(running.flatMap(({ id }) => (known.has(id) ? [[id, known.get(id)?.usedBytes ?? 0] as const] : [])));
  };
}
