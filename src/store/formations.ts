import type { FormationEntry } from '../domain/formation.ts';
import type { Formations } from '../domain/store.ts';
import { toDate, toText } from './rows.ts';
import type { FormationRow } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

/** Listed by type. In the change feed the id of an entry is its type, with the app's id before it: `<app id>/web`. */
export function formationsTable(scope: Scope): Formations {
  return {
    list: (appId) =>
      scope.read(async ({ db }) => {
        const rows = await db.selectFrom('formations').selectAll().where('appId', '=', appId).orderBy('type').execute();
        return rows.map(toFormationEntry);
      }),
    put: (entry) => scope.write((tx) => put(tx, entry)),
  };
}

async function put(tx: Tx, { appId, type, quantity, size }: Parameters<Formations['put']>[0]): Promise<FormationEntry> {
  const values = {
    quantity,
    reservedCloudlets: size.reserved,
    limitCloudlets: size.limit,
    updatedAt: toText(tx.clock.now()),
  };
  const row: FormationRow = { appId, type, ...values };
  await tx.db
    .insertInto('formations')
    .values(row)
    .onConflict((conflict) => conflict.columns(['appId', 'type']).doUpdateSet(values))
    .execute();
  tx.changed('formations', appId, `${appId}/${type}`);
  return toFormationEntry(row);
}

function toFormationEntry(row: FormationRow): FormationEntry {
  const { reservedCloudlets, limitCloudlets, updatedAt, ...rest } = row;
  return { ...rest, size: { reserved: reservedCloudlets, limit: limitCloudlets }, updatedAt: toDate(updatedAt) };
}
