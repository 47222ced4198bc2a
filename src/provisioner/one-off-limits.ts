import type { Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';
import { retire } from './placing.ts';

/** Asks one-offs to stop that are past their deadline. */
export async function endOverdueOneOffs({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}): Promise<void> {
  const overdue = await store.oneOffs.listOverdue(clock.now());
  if (overdue.length === 0) return;
  const instances = overdue.map((id) => ({ id }));
  await store.transaction((tables) => retire(tables, instances, 'expired'));
}
