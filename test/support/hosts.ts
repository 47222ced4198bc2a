import type { Host } from '../../src/domain/host.ts';
import type { Store } from '../../src/domain/store.ts';

/** A host with the fields that the test sets. Unless it sets more, what can be promised is what the host has. */
export function aHost(changes: Partial<Host> = {}): Host {
  const { cloudlets = 100 } = changes;
  return {
    id: 'local',
    name: 'here',
    groupId: 'default',
    role: 'apps',
    address: null,
    cpus: 2,
    memoryBytes: 4 * 1024 ** 3,
    cloudlets,
    promisable: cloudlets,
    deployReserve: 0,
    labels: {},
    state: 'ready',
    createdAt: new Date(0),
    seenAt: null,
    ...changes,
  };
}

/** The same host in a store, with its group. */
export async function putHost(store: Store, changes: Partial<Host> = {}): Promise<Host> {
  const host = aHost(changes);
  await store.hostGroups.put({ id: host.groupId, name: host.groupId });
  return store.hosts.put(host);
}
