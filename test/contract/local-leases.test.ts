import { createLocalLeases } from '../../src/system/local-leases.ts';
import { leasesContract } from './leases.contract.ts';

leasesContract('one process', async () => createLocalLeases());
