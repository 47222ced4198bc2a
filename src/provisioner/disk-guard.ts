import { platformActor } from '../domain/actor.ts';
import { type ContainerState, countsAsRunning } from '../domain/containers.ts';
import type { Engine } from '../domain/engine.ts';
import { eventOf, instanceFacts } from '../domain/event.ts';
import { labelNames } from '../domain/labels.ts';
import type { Store } from '../domain/store.ts';

/** The limit of an instance's own disk, the same as a build's. The disk is lost with the instance, so nothing lasting belongs there. */
export const instanceDiskBytes = 4 * 1024 * 1024 * 1024;

const gibibyte = 1024 * 1024 * 1024;

/**
 * Ends the instances on one host that have written more than the limit to their own disks. Most file systems have no limit
 * for one container, and a full disk stops the store and every app on the host. To be called every minute.
 */
export async function endDiskHogs(
  { engine, store, platformId }: { readonly engine: Engine; readonly store: Store; readonly platformId: string },
  limitBytes: number,
  signal: AbortSignal,
): Promise<void> {
  const labels = { [labelNames.platform]: platformId, [labelNames.role]: 'instance' };
  const written = await engine.containers.diskUsage(labels, signal);
  for (const [containerId, bytes] of written) {
    if (bytes <= limitBytes) continue;
    const container = await engine.containers.inspect(containerId);
    if (!container || !countsAsRunning(container)) continue;
    await engine.containers.kill(containerId, 'SIGKILL');
    await report(store, container, `Wrote ${size(bytes)} to its disk, and ${size(limitBytes)} is the limit: ended`);
  }
}

async function report(store: Store, { labels }: ContainerState, reason: string): Promise<void> {
  await store.transaction(async (tables) => {
    const instance = await tables.instances.find(labels[labelNames.instance] ?? '');
    // The app was destroyed meanwhile.
    if (!instance) return;
    const release = Number(labels[labelNames.release]?.replace(/^v/, '')) || null;
    const data = { ...instanceFacts(instance, release), reason };
    await tables.events.append(eventOf('instance.disk_full', platformActor, { appId: instance.appId, data }));
  });
}

function size(bytes: number): string {
  return bytes >= gibibyte ? `${(bytes / gibibyte).toFixed(1)} GB` : `${Math.ceil(bytes / 1024 / 1024)} MB`;
}
