import type { Host } from '../domain/host.ts';
import type { Hosts } from '../domain/store.ts';
import { toDate, toText } from './rows.ts';
import type { HostRow } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

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

async function put({ db, clock }: Tx, { id, name, state, cloudlets }: Parameters<Hosts['put']>[0]): Promise<Host> {
  const row = await db
    .insertInto('hosts')
    .values({ id, name, state, cloudlets, createdAt: toText(clock.now()) })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ name, state, cloudlets }))
    .returningAll()
    .executeTakeFirstOrThrow();
  return toHost(row);
}

function toHost(row: HostRow): Host {
  return { ...row, createdAt: toDate(row.createdAt) };
}
