import { eventKinds, usageKinds } from '../domain/event.ts';
import type { OldEvents, Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';

/** As many as `releases` lists, and so can be gone back to. */
const keptOfEachApp = 1000;
const day = 24 * 60 * 60_000;
const instanceEventsKeptMs = 30 * day;
const eventsKeptMs = 400 * day;
/** Few at once: whoever writes meanwhile waits. */
const eventsAtOnce = 500;
const others = eventKinds.filter((kind) => !usageKinds.includes(kind));
const ofInstances = others.filter((kind) => kind.startsWith('instance.'));

/** The setting that holds the `seq` of the newest event that usage has been rolled up to. Nothing rolls up yet. */
export const usageRolledUpTo = 'usage_rolled_up_to';

/**
 * Forgets what nobody asks for any more, so that a store does not grow with its age: of each app all but the newest
 * thousand builds, pushes and releases, and what was made for those alone; of the events what instances did a month ago,
 * and everything after a year and a month. What an app runs, or can go back to, stays.
 *
 * Events that usage is computed from (`usageKinds`) stay, whatever their age, until they have been rolled up. They are two
 * of each instance, 900 bytes of the store together: an app of ten instances with twenty deploys a day adds 180 KB a day,
 * a slot in a crash loop (seventy instances a day) 63 KB. Until something rolls them up, nothing bounds them.
 */
export async function forgetOldHistory(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  for (const { id } of await store.apps.list()) {
    if (signal.aborted) return;
    // In this order: each is referred to by the one before.
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
  await forget({ kinds: others, before: before(eventsKeptMs) });
  const upTo = Number((await store.settings.get(usageRolledUpTo)) ?? 0);
  await forget({ kinds: usageKinds, before: before(instanceEventsKeptMs), upTo });
}
