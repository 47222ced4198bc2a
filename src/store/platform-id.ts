import { randomBytes } from 'node:crypto';
import type { Store } from '../domain/store.ts';

export const platformIdSetting = 'platform.id';

/**
 * The value of the label `paas.platform`, which tells what this platform made in an engine from what others made. Made
 * once.
 */
export async function platformId(store: Store): Promise<string> {
  return store.transaction(async ({ settings }) => {
    const known = await settings.get(platformIdSetting);
    if (known !== null) return known;
    const id = randomBytes(6).toString('hex');
    await settings.set(platformIdSetting, id);
    return id;
  });
}
