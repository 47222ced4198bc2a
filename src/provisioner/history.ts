import type { Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';

/** Long enough for a look at last night. The events of the instances are kept longer. */
const keptForMs = 24 * 60 * 60_000;
const keptOfEachApp = 100;

/** Removes the rows of instances that ended long ago: a crash loop makes seventy a day in each slot. */
export async function forgetOldInstances({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}): Promise<void> {
  await store.instances.prune(new Date(clock.now().getTime() - keptForMs), keptOfEachApp);
}
