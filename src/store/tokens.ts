import type { Token } from '../domain/actor.ts';
import type { Tokens } from '../domain/store.ts';
import { newId } from './ids.ts';
import { toDate, toDateOrNull, toText, toTextOrNull, unnumbered } from './rows.ts';
import type { TokenRow, Unnumbered } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

export function tokensTable(scope: Scope): Tokens {
  return {
    create: (token) => scope.write((tx) => insert(tx, token)),
    findBySha256: (sha256) =>
      scope.read(async ({ db }) => {
        const row = await db.selectFrom('tokens').selectAll().where('sha256', '=', sha256).executeTakeFirst();
        return row ? toToken(row) : null;
      }),
    list: (accountId) =>
      scope.read(async ({ db }) => {
        const rows = await db
          .selectFrom('tokens')
          .selectAll()
          .where('accountId', '=', accountId)
          .orderBy('seq')
          .execute();
        return rows.map(toToken);
      }),
    touch: (id, at) =>
      scope.write(async ({ db }) => {
        await db
          .updateTable('tokens')
          .set({ lastUsedAt: toText(at) })
          .where('id', '=', id)
          .execute();
      }),
    remove: (id) =>
      scope.write(async ({ db, changed }) => {
        await db.deleteFrom('tokens').where('id', '=', id).execute();
        changed('tokens', '', id);
      }),
  };
}

async function insert({ db, clock, changed }: Tx, token: Parameters<Tokens['create']>[0]): Promise<Token> {
  const now = clock.now();
  const row: Unnumbered<TokenRow> = {
    id: newId(),
    accountId: token.accountId,
    prefix: token.prefix,
    sha256: token.sha256,
    description: token.description,
    scope: token.scope,
    createdAt: toText(now),
    lastUsedAt: null,
    expiresAt: toTextOrNull(token.expiresAt),
  };
  await db.insertInto('tokens').values(row).execute();
  changed('tokens', '', row.id);
  return toToken(row);
}

function toToken(row: Unnumbered<TokenRow>): Token {
  return {
    ...unnumbered(row),
    createdAt: toDate(row.createdAt),
    lastUsedAt: toDateOrNull(row.lastUsedAt),
    expiresAt: toDateOrNull(row.expiresAt),
  };
}
