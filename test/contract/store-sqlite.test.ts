import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { openStore } from '../../src/store/store.ts';
import { storeContract } from './store.contract.ts';

const homes: string[] = [];
after(() => {
  for (const home of homes) rmSync(home, { recursive: true });
});

storeContract('SQLite', () => {
  const home = mkdtempSync(join(tmpdir(), 'paas-store-'));
  homes.push(home);
  return openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });
});
