import type { LeaseName } from '../domain/leases.ts';
import type { Store } from '../domain/store.ts';

export const leaderTermSetting = 'leader.term';

/**
 * The terms of leases for one process. The leader's grow across restarts too, so that what other programs have from an
 * earlier leader is recognised as older. All other terms only have to grow while the process lives, and cost no write.
 */
export function leaseTerms(store: Store): (name: LeaseName) => Promise<number> {
  let term = 0;
  return async (name) => {
    if (name !== 'leader') return ++term;
    return store.transaction(async ({ settings }) => {
      const next = Number((await settings.get(leaderTermSetting)) ?? 0) + 1;
      await settings.set(leaderTermSetting, String(next));
      return next;
    });
  };
}
