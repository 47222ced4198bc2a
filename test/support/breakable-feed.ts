import type { ChangeFeed, Store } from '../../src/domain/store.ts';

/** A store whose change feed can be interrupted: no change is announced then, and its return is reported as a gap. */
export interface BreakableStore {
  readonly store: Store;
  breakFeed(): void;
  mendFeed(): void;
}

export function breakable(inner: Store): BreakableStore {
  const looks = new Set<() => void>();
  let isBroken = false;
  const changes: ChangeFeed = {
    subscribe(hear, onGap) {
      const look = () => onGap();
      looks.add(look);
      const unsubscribe = inner.changes.subscribe((change) => {
        if (!isBroken) hear(change);
      }, onGap);
      return () => {
        looks.delete(look);
        unsubscribe();
      };
    },
  };
  return {
    store: { ...inner, changes },
    breakFeed() {
      isBroken = true;
    },
    mendFeed() {
      isBroken = false;
      for (const look of looks) look();
    },
  };
}
