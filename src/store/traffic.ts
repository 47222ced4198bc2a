import { PlatformError } from '../domain/errors.ts';
import type { Traffic } from '../domain/store.ts';
import type { TrafficShare } from '../domain/traffic.ts';
import type { Scope, Tx } from './scope.ts';

/** In the change feed the id is the app's: its shares change together. */
export function trafficTable(scope: Scope): Traffic {
  return {
    list: (appId) =>
      scope.read(({ db }) =>
        db.selectFrom('traffic').selectAll().where('appId', '=', appId).orderBy('releaseId').execute(),
      ),
    split: (appId, weights) => scope.write((tx) => split(tx, appId, weights)),
    switchAllTo: (appId, releaseId) => scope.write((tx) => split(tx, appId, { [releaseId]: 1 })),
  };
}

async function split(tx: Tx, appId: string, weights: Readonly<Record<string, number>>): Promise<void> {
  const shares: readonly TrafficShare[] = Object.entries(weights)
    .filter(([, weight]) => weight !== 0)
    .map(([releaseId, weight]) => ({ appId, releaseId, weight }));
  for (const { weight } of shares) {
    if (!Number.isInteger(weight) || weight < 0)
      throw new PlatformError('invalid_params', `A weight is a whole number from 0, not ${weight}.`);
  }
  await tx.db.deleteFrom('traffic').where('appId', '=', appId).execute();
  if (shares.length > 0)
    await tx.db
      .insertInto('traffic')
      .values([...shares])
      .execute();
  tx.changed('traffic', appId, appId);
}
