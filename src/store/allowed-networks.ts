import type { AllowedNetworks } from '../domain/store.ts';
import { found, toDate, toText } from './rows.ts';
import type { Scope } from './scope.ts';

/** Sorted by app and network. */
export function allowedNetworksTable(scope: Scope): AllowedNetworks {
  return {
    put: ({ appId, network }) =>
      scope.write(async (tx) => {
        found(await tx.db.selectFrom('apps').select('id').where('id', '=', appId).executeTakeFirst(), `app ${appId}`);
        const row = { appId, network, createdAt: toText(tx.clock.now()) };
        await tx.db
          .insertInto('allowedNetworks')
          .values(row)
          .onConflict((conflict) => conflict.columns(['appId', 'network']).doNothing())
          .execute();
        tx.changed('allowedNetworks', appId, `${appId}/${network}`);
      }),
    remove: ({ appId, network }) =>
      scope.write(async (tx) => {
        await tx.db.deleteFrom('allowedNetworks').where('appId', '=', appId).where('network', '=', network).execute();
        tx.changed('allowedNetworks', appId, `${appId}/${network}`);
      }),
    list: (appId) =>
      scope.read(async ({ db }) => {
        let query = db.selectFrom('allowedNetworks').selectAll();
        if (appId !== undefined) query = query.where('appId', '=', appId);
        const rows = await query.orderBy('appId').orderBy('network').execute();
        return rows.map((row) => ({ ...row, createdAt: toDate(row.createdAt) }));
      }),
  };
}
