import type { AppNetwork } from '../domain/app-network.ts';
import type { AppNetworks } from '../domain/store.ts';
import { found } from './rows.ts';
import type { Scope, Tx } from './scope.ts';

export function appNetworksTable(scope: Scope): AppNetworks {
  return {
    put: (network) => scope.write((tx) => put(tx, network)),
    list: ({ appId, hostId }) =>
      scope.read(async ({ db }) => {
        let query = db.selectFrom('appNetworks').selectAll();
        if (appId !== undefined) query = query.where('appId', '=', appId);
        if (hostId !== undefined) query = query.where('hostId', '=', hostId);
        return query.orderBy('appId').orderBy('hostId').orderBy('kind').execute();
      }),
  };
}

async function put(tx: Tx, { appId, hostId, kind, networkId }: AppNetwork): Promise<void> {
  found(await tx.db.selectFrom('apps').select('id').where('id', '=', appId).executeTakeFirst(), `app ${appId}`);
  await tx.db
    .insertInto('appNetworks')
    .values({ appId, hostId, kind, networkId })
    .onConflict((conflict) => conflict.columns(['appId', 'hostId', 'kind']).doUpdateSet({ networkId }))
    .execute();
  tx.changed('apps', appId, appId);
}
