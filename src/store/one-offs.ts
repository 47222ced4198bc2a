import type { ConfigVars } from '../domain/config-vars.ts';
import { instanceStates, isFinal } from '../domain/instance.ts';
import type { OneOff } from '../domain/one-off.ts';
import type { OneOffs } from '../domain/store.ts';
import { toDate, toText } from './rows.ts';
import type { OneOffRow } from './schema.ts';
import type { Scope, Tx } from './scope.ts';
import type { SealContext } from './seal.ts';

const activeStates = instanceStates.filter((state) => !isFinal(state));

/** The environment is sealed: people put secrets there. */
export function oneOffsTable(scope: Scope): OneOffs {
  return {
    create: (oneOff) => scope.write((tx) => insert(tx, oneOff)),
    find: (instanceId) =>
      scope.read(async (tx) => {
        const row = await tx.db
          .selectFrom('oneOffs')
          .selectAll()
          .where('instanceId', '=', instanceId)
          .executeTakeFirst();
        return row ? await opened(tx, row) : null;
      }),
    listOverdue: (now) =>
      scope.read(async ({ db }) => {
        const rows = await db
          .selectFrom('oneOffs')
          .innerJoin('instances', 'instances.id', 'oneOffs.instanceId')
          .select('oneOffs.instanceId')
          .where('oneOffs.deadline', '<=', toText(now))
          .where('instances.desired', '=', 'up')
          .where('instances.state', 'in', activeStates)
          .orderBy('oneOffs.deadline')
          .execute();
        return rows.map(({ instanceId }) => instanceId);
      }),
  };
}

async function insert(tx: Tx, oneOff: Parameters<OneOffs['create']>[0]): Promise<OneOff> {
  const { instanceId, appId, attach, tty, env, columns, rows, lifeMs } = oneOff;
  const now = tx.clock.now();
  const row: OneOffRow = {
    instanceId,
    appId,
    attach: attach ? 1 : 0,
    tty: tty ? 1 : 0,
    sealedEnv: await tx.seals.seal(tx, sealContext({ appId, instanceId }), JSON.stringify(env)),
    columns,
    rows,
    createdAt: toText(now),
    deadline: toText(new Date(now.getTime() + lifeMs)),
  };
  await tx.db.insertInto('oneOffs').values(row).execute();
  return toOneOff(row, env);
}

async function opened(tx: Tx, row: OneOffRow): Promise<OneOff> {
  return toOneOff(row, JSON.parse(await tx.seals.open(tx, sealContext(row), row.sealedEnv)) as ConfigVars);
}

function sealContext({ appId, instanceId }: Pick<OneOff, 'appId' | 'instanceId'>): SealContext {
  return { table: 'one_offs', appId, name: instanceId, version: 1 };
}

function toOneOff({ sealedEnv: _, ...row }: OneOffRow, env: ConfigVars): OneOff {
  return {
    ...row,
    env,
    attach: row.attach === 1,
    tty: row.tty === 1,
    createdAt: toDate(row.createdAt),
    deadline: toDate(row.deadline),
  };
}
