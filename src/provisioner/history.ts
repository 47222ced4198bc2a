import type { Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';

/** For people who ask what happened last night. What happened at all is in the events, which are kept. */
const keptForMs = 24 * 60 * 60_000;
const keptOfEachApp = 100;

/** Forgets instances that ended long ago: an app in a crash loop makes seventy a day in each slot. */
export async function forgetOldInstances({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}): Promise<void> {
  await store.instances.prune(new Date(clock.now().getTime() - keptForMs), keptOfEachApp);
}
