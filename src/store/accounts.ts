import type { Account } from '../domain/actor.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Accounts } from '../domain/store.ts';
import { newId } from './ids.ts';
import { toDate, toText, unnumbered } from './rows.ts';
import type { AccountRow, Unnumbered } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

/** E-mail addresses are kept and compared in lower case. */
export function accountsTable(scope: Scope): Accounts {
  return {
    create: (email) => scope.write((tx) => insert(tx, email.toLowerCase())),
    find: (id) =>
      scope.read(async ({ db }) => {
        const row = await db.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst();
        return row ? toAccount(row) : null;
      }),
    list: () =>
      scope.read(async ({ db }) => {
        const rows = await db.selectFrom('accounts').selectAll().orderBy('seq').execute();
        return rows.map(toAccount);
      }),
  };
}

async function insert({ db, clock, isUniqueViolation }: Tx, email: string): Promise<Account> {
  const now = clock.now();
  const row: Unnumbered<AccountRow> = { id: newId(), email, createdAt: toText(now), updatedAt: toText(now) };
  try {
    await db.insertInto('accounts').values(row).execute();
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new PlatformError('conflict', `There is an account ${email} already.`, { cause: error });
  }
  return toAccount(row);
}

function toAccount(row: Unnumbered<AccountRow>): Account {
  return { ...unnumbered(row), createdAt: toDate(row.createdAt), updatedAt: toDate(row.updatedAt) };
}
