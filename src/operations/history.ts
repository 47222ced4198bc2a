import { eventKinds, usageKinds } from '../domain/event.ts';
import type { OldEvents, Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';

/** `releases` lists as many, and a rollback goes back to one of these. */
const keptOfEachApp = 1000;
const day = 24 * 60 * 60_000;
const instanceEventsKeptMs = 30 * day;
const eventsKeptMs = 400 * day;
/** Few, because other writers wait meanwhile. */
const eventsAtOnce = 500;
const unusedKinds = eventKinds.filter((kind) => !usageKinds.includes(kind));
const ofInstances = unusedKinds.filter((kind) => kind.startsWith('instance.'));

/** The setting that holds the `seq` of the newest event that usage has been rolled up to. Nothing rolls up yet. */
export const usageRolledUpTo = 'usage_rolled_up_to';

/**
 * Removes old rows, so that the store does not grow with its age. Of each app the newest 1000 builds, pushes and releases
 * stay, with their artifacts; events of instances stay for 30 days, other events for 400 days. What an app runs, or can roll
 * back to, stays.
 *
 * Events that usage is computed from (`usageKinds`) stay until they have been rolled up. Each instance has two of them, with
 * 900 bytes of the store together: an app of ten instances with twenty deploys a day adds 180 KB a day, a slot in a crash
 * loop (seventy instances a day) 63 KB. Until something rolls them up, nothing bounds them.
 */
export async function forgetOldHistory(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  for (const { id } of await store.apps.list()) {
    if (signal.aborted) return;
    // In this order, because each refers to those after it.
    await store.releases.prune(id, keptOfEachApp);
    await store.builds.prune(id, keptOfEachApp);
    await store.artifacts.prune(id);
    await store.pushes.prune(id, keptOfEachApp);
  }
  const before = (ms: number) => new Date(clock.now().getTime() - ms);
  const forget = async (old: Omit<OldEvents, 'limit'>) => {
    while (!signal.aborted && (await store.events.prune({ ...old, limit: eventsAtOnce })) === eventsAtOnce);
  };
  await forget({ kinds: ofInstances, before: before(instanceEventsKeptMs) });
  await forget({ kinds: unusedKinds, before: before(eventsKeptMs) });
  const upTo = Number((await store.settings.get(usageRolledUpTo)) ?? 0);
  await forget({ kinds: usageKinds, before: before(instanceEventsKeptMs), upTo });
}
