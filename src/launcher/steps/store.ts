import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { paths, type Settings } from '../../config/settings.ts';
import { foreignness } from '../../store/belonging.ts';
import { isEmptyFile, lookBeside } from '../../store/beside.ts';
import { platformId } from '../../store/platform-id.ts';
import { rootKeyPath } from '../../store/root-key.ts';
import { openHomeStore } from '../../store/store.ts';
import type { SetUpStep } from '../set-up.ts';

/** Makes the store in PAAS_HOME, and the root key that seals its secrets. */
export function storeStep(settings: Settings): SetUpStep {
  const { state, keys, logs, run, cache } = paths(settings.home);
  return {
    async needed() {
      const refusal = isEmptyFile(state) ? foreignness(state, null, lookBeside(settings.home)) : null;
      if (refusal) throw refusal;
      if (existsSync(state) && existsSync(rootKeyPath(keys))) return null;
      return existsSync(state)
        ? `Looking for the root key, which is not in ${keys}`
        : `Making the store and its root key in ${settings.home}`;
    },
    async perform(progress) {
      mkdirSync(settings.home, { recursive: true });
      for (const folder of [logs, run, cache]) mkdirSync(folder, { recursive: true, mode: 0o700 });
      // openStore makes the key when nothing is sealed yet. Else it refuses and names the key.
      const store = await openHomeStore(settings.home);
      await platformId(store);
      await store.close();
      chmodSync(keys, 0o700);
      progress(`keep a copy of ${keys} elsewhere: without it no config var can be read`);
    },
  };
}
