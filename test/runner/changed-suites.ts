import { type Changes, touches } from './changes.ts';
import type { Suite } from './suites.ts';

/** The suites whose folders changed; all of them where it is not known what did. */
export function changedSuites(changes: Changes | null, all: readonly Suite[]): readonly Suite[] {
  return all.filter(({ triggers }) => changes === null || touches(changes, triggers));
}

/** Whether a suite can be done in the minutes that are left; with the reason when it cannot. */
export function reasonNotToBegin({ name, minutes }: Suite, minutesLeft: number): string | null {
  if (minutes <= minutesLeft) return null;
  return `${name}: it takes ${minutes} minutes and ${Math.max(0, Math.floor(minutesLeft))} are left. Run: npm run test:${name}`;
}
