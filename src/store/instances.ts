import { oneShotTypes } from '../domain/formation.ts';
import {
  assertForward,
  type Instance,
  type InstanceState,
  instanceStates,
  isFinal,
  type Workload,
} from '../domain/instance.ts';
import type { Instances } from '../domain/store.ts';
import { newId } from './ids.ts';
import { found, toDate, toDateOrNull, toText, toTextOrNull } from './rows.ts';
import type { InstanceRow, Unnumbered } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

/** Without a limit, `list` gives the newest 1,000. */
const defaultLimit = 1000;
const activeStates = instanceStates.filter((state) => !isFinal(state));
const finalStates = instanceStates.filter(isFinal);

export function instancesTable(scope: Scope): Instances {
  return {
    create: (instance) => scope.write((tx) => insert(tx, instance)),
    find: (id) =>
      scope.read(async ({ db }) => {
        const row = await db.selectFrom('instances').selectAll().where('id', '=', id).executeTakeFirst();
        return row ? toInstance(row) : null;
      }),
    listActive: (appId) =>
      scope.read(async ({ db }) => {
        let query = db.selectFrom('instances').selectAll().where('state', 'in', activeStates);
        if (appId !== undefined) query = query.where('appId', '=', appId);
        return (await query.orderBy('seq').execute()).map(toInstance);
      }),
    list: (appId, limit = defaultLimit) =>
      scope.read(async ({ db }) => {
        const query = db.selectFrom('instances').selectAll().where('appId', '=', appId);
        return (await query.orderBy('seq', 'desc').limit(limit).execute()).map(toInstance);
      }),
    listNewestOf: (releaseId) =>
      scope.read(async ({ db }) => {
        const newest = db
          .selectFrom('instances')
          .select(({ fn }) => fn.max('seq').as('seq'))
          .where('releaseId', '=', releaseId)
          .groupBy(['type', 'slot']);
        const rows = await db.selectFrom('instances').selectAll().where('seq', 'in', newest).orderBy('seq').execute();
        return rows.map(toInstance);
      }),
    desireStopped: (id, reason) => scope.write((tx) => desireStopped(tx, id, reason)),
    observe: (id, seen) => scope.write((tx) => observe(tx, id, seen)),
    prune: (before, keep) => scope.write((tx) => prune(tx, before, keep)),
  };
}

async function insert(tx: Tx, instance: Parameters<Instances['create']>[0]): Promise<Instance> {
  const now = tx.clock.now();
  const row: Unnumbered<InstanceRow> = {
    id: newId(),
    appId: instance.appId,
    ...fromWorkload(instance.workload),
    hostId: instance.hostId,
    type: instance.type,
    slot: instance.slot,
    reservedCloudlets: instance.size.reserved,
    limitCloudlets: instance.size.limit,
    command: instance.command === null ? null : JSON.stringify(instance.command),
    desired: 'up',
    stopReason: null,
    notBefore: toTextOrNull(instance.notBefore),
    failures: instance.failures,
    state: 'placed',
    containerId: null,
    address: null,
    port: null,
    exitCode: null,
    reason: null,
    createdAt: toText(now),
    startedAt: null,
    upAt: null,
    endedAt: null,
  };
  const { seq } = await tx.db.insertInto('instances').values(row).returning('seq').executeTakeFirstOrThrow();
  tx.changed('instances', row.appId, row.id);
  return toInstance({ ...row, seq });
}

async function desireStopped(tx: Tx, id: string, reason: NonNullable<Instance['stopReason']>): Promise<void> {
  const before = await getRow(tx, id);
  if (before.desired === 'stopped') return;
  await tx.db.updateTable('instances').set({ desired: 'stopped', stopReason: reason }).where('id', '=', id).execute();
  tx.changed('instances', before.appId, id);
}

async function observe(tx: Tx, id: string, seen: Parameters<Instances['observe']>[1]): Promise<Instance> {
  const before = await getRow(tx, id);
  if (seen.state !== undefined) assertForward(before.state, seen.state);
  const { startedAt, upAt, endedAt, ...plain } = seen;
  const row = await tx.db
    .updateTable('instances')
    .set({
      // An update that sets nothing would be no valid SQL.
      state: before.state,
      ...plain,
      ...(startedAt !== undefined && { startedAt: toTextOrNull(startedAt) }),
      ...(upAt !== undefined && { upAt: toTextOrNull(upAt) }),
      ...(endedAt !== undefined && { endedAt: toTextOrNull(endedAt) }),
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
  tx.changed('instances', row.appId, id);
  return toInstance(row);
}

async function prune({ db }: Tx, before: Date, keep: number): Promise<void> {
  const ranked = db
    .selectFrom('instances')
    .select([
      'id',
      ({ fn }) =>
        fn
          .agg<number>('row_number')
          .over((o) => o.partitionBy('appId').orderBy('seq', 'desc'))
          .as('rank'),
    ])
    .where('state', 'in', finalStates);
  const lastInSlot = db
    .selectFrom('instances')
    .innerJoin('traffic', 'traffic.releaseId', 'instances.releaseId')
    .select(({ fn }) => fn.max('instances.seq').as('seq'))
    .where('instances.type', 'not in', [...oneShotTypes])
    .groupBy(['instances.releaseId', 'instances.type', 'instances.slot']);
  await db
    .deleteFrom('instances')
    .where('state', 'in', finalStates)
    .where(({ fn }) => fn.coalesce('endedAt', 'createdAt'), '<', toText(before))
    .where('seq', 'not in', lastInSlot)
    .where('id', 'in', (select) => select.selectFrom(ranked.as('ranked')).select('id').where('rank', '>', keep))
    .execute();
}

async function getRow({ db }: Tx, id: string): Promise<InstanceRow> {
  return found(await db.selectFrom('instances').selectAll().where('id', '=', id).executeTakeFirst(), `instance ${id}`);
}

function fromWorkload(workload: Workload): Pick<InstanceRow, 'workloadKind' | 'releaseId' | 'serviceId'> {
  const { kind } = workload;
  return kind === 'release'
    ? { workloadKind: kind, releaseId: workload.releaseId, serviceId: null }
    : { workloadKind: kind, releaseId: null, serviceId: workload.serviceId };
}

function toWorkload({ workloadKind: kind, releaseId, serviceId }: ReturnType<typeof fromWorkload>): Workload {
  if (kind === 'release') return { kind, releaseId: releaseId ?? '' };
  return { kind, serviceId: serviceId ?? '' };
}

export function toInstance({ workloadKind, releaseId, serviceId, ...others }: InstanceRow): Instance {
  const { reservedCloudlets, limitCloudlets, ...row } = others;
  return {
    ...row,
    size: { reserved: reservedCloudlets, limit: limitCloudlets },
    workload: toWorkload({ workloadKind, releaseId, serviceId }),
    state: row.state as InstanceState,
    command: row.command === null ? null : (JSON.parse(row.command) as readonly string[]),
    notBefore: toDateOrNull(row.notBefore),
    createdAt: toDate(row.createdAt),
    startedAt: toDateOrNull(row.startedAt),
    upAt: toDateOrNull(row.upAt),
    endedAt: toDateOrNull(row.endedAt),
  };
}
