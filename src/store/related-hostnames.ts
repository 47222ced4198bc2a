import type { Expression, ExpressionBuilder, SqlBool } from 'kysely';
import { baseOf, wildcardsOver } from '../domain/hostname-relation.ts';

/** Whether the column's hostname is another one, and meets this one in a wildcard (`Domains.related`). */
export function isRelated<DB, TB extends keyof DB>(
  column: Expression<string>,
  hostname: string,
  where: ExpressionBuilder<DB, TB>,
): Expression<SqlBool> {
  const base = baseOf(hostname);
  const isOver = where(column, 'in', wildcardsOver(hostname));
  const isBelow = base === hostname ? [] : [where(column, '=', base), where(column, 'like', `%.${base}`)];
  return where.and([where(column, '!=', hostname), where.or([isOver, ...isBelow])]);
}
