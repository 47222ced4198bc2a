import { errorCode, type PlatformError } from '../domain/errors.ts';
import type { Instance } from '../domain/instance.ts';
import type { StoreTables } from '../domain/store.ts';
import { type Owner, placeAnyway, placeBeside } from './placing.ts';
import { isWanted, type WantedInstance } from './plan.ts';

/** The answer of placing; null when it was refused for room. */
export async function unlessFull<T>(placing: () => Promise<T>): Promise<T | null> {
  try {
    return await placing();
  } catch (error) {
    if (errorCode(error) !== 'no_capacity') throw error;
    return null;
  }
}

/**
 * Places the first of these instances beside those that they replace: as many as fit, and one where none fits. Throws
 * `no_capacity` only when no host takes instances. To be called in a transaction, again for the rest when these are up and
 * those that they replace have left.
 */
export async function placeTurn(
  tables: StoreTables,
  owner: Owner,
  wanted: readonly WantedInstance[],
): Promise<readonly Instance[]> {
  const all = await unlessFull(() => placeBeside(tables, owner, wanted));
  if (all) return all;
  const placed: Instance[] = [];
  for (const one of wanted) {
    const fitting = await unlessFull(() => placeBeside(tables, owner, [one]));
    if (!fitting) break;
    placed.push(...fitting);
  }
  return placed.length > 0 ? placed : placeAnyway(tables, owner, wanted.slice(0, 1));
}

/** The first instance that no host takes. */
export interface Refused {
  readonly wanted: WantedInstance;
  readonly refusal: PlatformError;
}

/**
 * Fills empty slots of a formation that was promised to run. Where they do not fit, one is placed when nothing of the app is
 * about to leave or to be up; the change of that instance is the moment to call this again. Gives the first refusal.
 */
export async function fillSlots(
  tables: StoreTables,
  owner: Owner,
  { wanted, now }: { readonly wanted: readonly WantedInstance[]; readonly now: Date },
): Promise<Refused | null> {
  for (const one of wanted) {
    if (await unlessFull(() => placeBeside(tables, owner, [one]))) continue;
    const active = await tables.instances.listActive(owner.app.id);
    if (active.some((instance) => isChangingSoon(instance, now))) return null;
    try {
      await placeAnyway(tables, owner, [one]);
    } catch (error) {
      if (errorCode(error) !== 'no_capacity') throw error;
      return { wanted: one, refusal: error as PlatformError };
    }
  }
  return null;
}

/** Whether it leaves, or starts without a delay. */
function isChangingSoon(instance: Instance, now: Date): boolean {
  if (!isWanted(instance) || instance.state === 'starting') return true;
  return instance.state === 'placed' && (instance.notBefore === null || instance.notBefore <= now);
}
