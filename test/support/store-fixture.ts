import { randomUUID } from 'node:crypto';
import type { Account } from '../../src/domain/actor.ts';
import type { App } from '../../src/domain/app.ts';
import { eventOf, type PlatformEvent } from '../../src/domain/event.ts';
import type { Instance } from '../../src/domain/instance.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import type { Release } from '../../src/domain/release.ts';
import type { Store, StoreTables } from '../../src/domain/store.ts';
import { currentOf } from '../../src/domain/traffic.ts';
import { exampleFacts } from './events.ts';
import { putHost } from './hosts.ts';

/** A store with an owner and a host, and short functions to create rows of each kind. */
export interface StoreFixture {
  readonly store: Store;
  readonly owner: Account;
  newApp(): Promise<App>;
  newRelease(app: App, tables?: StoreTables): Promise<Release>;
  newInstance(app: App, release: Release, slot?: number, type?: string): Promise<Instance>;
  append(appId: string | null, kind: PlatformEvent['kind'], tables?: StoreTables): Promise<PlatformEvent>;
}

/** The id of the app's current release; empty when there is none. */
export async function currentIdOf({ traffic }: Pick<StoreTables, 'traffic'>, { id }: Pick<App, 'id'>): Promise<string> {
  return currentOf(await traffic.list(id)) ?? '';
}

export async function storeFixture(store: Store): Promise<StoreFixture> {
  const owner = await store.accounts.create('Owner@example.com');
  await putHost(store, { id: 'host-1' });
  return {
    store,
    owner,
    newApp: () => store.apps.create({ name: `a${randomUUID().slice(0, 12)}`, ownerId: owner.id }),
    newRelease: (app, tables = store) =>
      tables.releases.create({
        appId: app.id,
        artifactId: null,
        cause: 'config',
        description: 'Set A config vars',
        accountId: owner.id,
        config: { A: '1' },
      }),
    newInstance: (app, release, slot = 1, type = 'web') =>
      store.instances.create({
        appId: app.id,
        workload: { kind: 'release', releaseId: release.id },
        hostId: 'host-1',
        type,
        slot,
        size: fixedSize(4),
        command: null,
        notBefore: null,
        failures: 0,
      }),
    append: (appId, kind, tables = store) =>
      tables.events.append(
        eventOf(kind, { accountId: owner.id, email: owner.email }, { appId, data: exampleFacts[kind] }),
      ),
  };
}
