import { type EventKind, eventKinds } from '../domain/event.ts';
import type { Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';

/** As many as `releases` lists, and so can be gone back to. */
const keptOfEachApp = 1000;
const day = 24 * 60 * 60_000;
/** An app in a crash loop has two hundred of them a day in each slot. */
const instanceEventsKeptMs = 30 * day;
const eventsKeptMs = 400 * day;
/** Few at once: whoever writes meanwhile waits. */
const eventsAtOnce = 500;
const ofInstances: readonly EventKind[] = eventKinds.filter((kind) => kind.startsWith('instance.'));

/**
 * Forgets what nobody asks for any more, so that a store does not grow with its age: of each app all but the newest
 * thousand builds, pushes and releases, and what was made for those alone; of the events what instances did a month ago,
 * and everything after a year and a month. What an app runs, or can go back to, stays.
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
  const forget = async (moment: Date, kinds?: readonly EventKind[]) => {
    while (!signal.aborted && (await store.events.prune(moment, eventsAtOnce, kinds)) === eventsAtOnce);
  };
  await forget(before(instanceEventsKeptMs), ofInstances);
  await forget(before(eventsKeptMs));
}
