import type { Store } from '../../src/domain/store.ts';
import { storeAppsContract } from './store-apps.contract.ts';
import { storeHostsContract } from './store-hosts.contract.ts';
import { storeInstancesContract } from './store-instances.contract.ts';
import { storeListingsContract } from './store-listings.contract.ts';
import { storeNamesContract } from './store-names.contract.ts';
import { storeRetentionContract } from './store-retention.contract.ts';
import { storeTransactionsContract } from './store-transactions.contract.ts';

/** The contract of every adapter of the store. `open` returns a new, empty store each time. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  storeAppsContract(name, open);
  storeHostsContract(name, open);
  storeInstancesContract(name, open);
  storeNamesContract(name, open);
  storeRetentionContract(name, open);
  storeTransactionsContract(name, open);
  storeListingsContract(name, open);
}
