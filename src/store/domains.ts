import { PlatformError } from '../domain/errors.ts';
import type { Domain } from '../domain/route.ts';
import type { Domains } from '../domain/store.ts';
import { newId } from './ids.ts';
import { isRelated } from './related-hostnames.ts';
import { toDate, toText, unnumbered } from './rows.ts';
import type { DomainRow, Unnumbered } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

/** Listed in the order they were added. Removing one that is not there is no error. */
export function domainsTable(scope: Scope): Domains {
  return {
    create: (domain) => scope.write((tx) => insert(tx, domain)),
    list: (appId) =>
      scope.read(async ({ db }) => {
        let query = db.selectFrom('domains').selectAll();
        if (appId !== undefined) query = query.where('appId', '=', appId);
        return (await query.orderBy('seq').execute()).map(toDomain);
      }),
    remove: (appId, hostname) => scope.write((tx) => remove(tx, appId, hostname)),
    related: (hostname) =>
      scope.read(async ({ db }) =>
        db
          .selectFrom('domains')
          .innerJoin('apps', 'apps.id', 'domains.appId')
          .select(['domains.hostname', 'apps.ownerId'])
          .where((where) => isRelated(where.ref('domains.hostname'), hostname, where))
          .orderBy('domains.hostname')
          .execute(),
      ),
  };
}

async function insert(tx: Tx, { appId, hostname }: Parameters<Domains['create']>[0]): Promise<Domain> {
  const now = tx.clock.now();
  const row: Unnumbered<DomainRow> = { id: newId(), appId, hostname, createdAt: toText(now) };
  try {
    await tx.db.insertInto('domains').values(row).execute();
  } catch (error) {
    if (!tx.isUniqueViolation(error)) throw error;
    throw new PlatformError('conflict', `${hostname} is in use already.`, { cause: error });
  }
  tx.changed('domains', appId, row.id);
  return toDomain(row);
}

async function remove(tx: Tx, appId: string, hostname: string): Promise<void> {
  const row = await tx.db
    .deleteFrom('domains')
    .where('appId', '=', appId)
    .where('hostname', '=', hostname)
    .returning('id')
    .executeTakeFirst();
  if (row) tx.changed('domains', appId, row.id);
}

export function toDomain(row: Unnumbered<DomainRow>): Domain {
  return { ...unnumbered(row), createdAt: toDate(row.createdAt) };
}
