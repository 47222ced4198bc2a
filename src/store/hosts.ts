import type { Host, HostGroup } from '../domain/host.ts';
import type { HostGroups, Hosts } from '../domain/store.ts';
import { toDate, toDateOrNull, toText, toTextOrNull } from './rows.ts';
import type { HostGroupRow, HostRow } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

export function hostGroupsTable(scope: Scope): HostGroups {
  return {
    put: (group) => scope.write((tx) => putGroup(tx, group)),
    list: () =>
      scope.read(async ({ db }) => {
        const rows = await db.selectFrom('hostGroups').selectAll().orderBy('name').execute();
        return rows.map(toGroup);
      }),
  };
}

export function hostsTable(scope: Scope): Hosts {
  return {
    put: (host) => scope.write((tx) => put(tx, host)),
    list: () =>
      scope.read(async ({ db }) => {
        const rows = await db.selectFrom('hosts').selectAll().orderBy('name').execute();
        return rows.map(toHost);
      }),
  };
}

async function putGroup({ db, clock }: Tx, { id, name }: Parameters<HostGroups['put']>[0]): Promise<HostGroup> {
  const row = await db
    .insertInto('hostGroups')
    .values({ id, name, createdAt: toText(clock.now()) })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ name }))
    .returningAll()
    .executeTakeFirstOrThrow();
  return toGroup(row);
}

async function put({ db, clock }: Tx, host: Parameters<Hosts['put']>[0]): Promise<Host> {
  const { id, name, groupId, role, address, cpus, memoryBytes, cloudlets, promisable, deployReserve, state } = host;
  const labels = JSON.stringify(host.labels);
  const seenAt = toTextOrNull(host.seenAt);
  const capacity = { cpus, memoryBytes, cloudlets, promisable, deployReserve };
  const facts = { name, groupId, role, address, ...capacity, labels, state, seenAt };
  const row = await db
    .insertInto('hosts')
    .values({ id, ...facts, createdAt: toText(clock.now()) })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(facts))
    .returningAll()
    .executeTakeFirstOrThrow();
  return toHost(row);
}

function toGroup(row: HostGroupRow): HostGroup {
  return { ...row, createdAt: toDate(row.createdAt) };
}

function toHost(row: HostRow): Host {
  return {
    ...row,
    labels: JSON.parse(row.labels) as Host['labels'],
    createdAt: toDate(row.createdAt),
    seenAt: toDateOrNull(row.seenAt),
  };
}
