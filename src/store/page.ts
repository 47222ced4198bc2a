import { type RawBuilder, type SelectQueryBuilder, type SqlBool, sql } from 'kysely';
import type { Bound, Page } from '../domain/listing.ts';

/** The property that a list is sorted by: an expression over its rows. */
export interface PageColumn {
  readonly value: RawBuilder<unknown>;
  readonly isNumber?: boolean;
}

interface Paged {
  readonly pagedBy?: unknown;
}

/**
 * The rows of a page, and one more if there is one. Rows that equal the page's last one are included, so that none is
 * lost between two pages.
 */
export async function pageRows<DB, Tables extends keyof DB, Row>(
  all: SelectQueryBuilder<DB, Tables, Row>,
  column: PageColumn,
  { start, end, order, max }: Page,
): Promise<readonly Row[]> {
  const { value } = column;
  const [past, before] = order === 'asc' ? (['>', '<'] as const) : (['<', '>'] as const);
  const query = all
    .select(value.as('pagedBy'))
    .where(compared(column, past, start))
    .where(compared(column, before, end));
  const first: readonly Paged[] = await query
    .orderBy(value, order)
    .limit(max + 1)
    .execute();
  const [last, next] = first.slice(-2);
  const shown = (rows: readonly Paged[]) => rows.map(({ pagedBy: _, ...row }) => row as Row);
  if (first.length <= max || last?.pagedBy !== next?.pagedBy) return shown(first);
  const equal: readonly Paged[] = await query.where(sql<SqlBool>`${value} = ${last?.pagedBy}`).execute();
  const beyond = query.where(sql<SqlBool>`${value} ${sql.raw(past)} ${last?.pagedBy}`);
  const after: readonly Paged[] = await beyond.orderBy(value, order).limit(1).execute();
  return shown([...first.filter(({ pagedBy }) => pagedBy !== last?.pagedBy), ...equal, ...after]);
}

/**
 * A condition on the bound. Without a bound it is true for every row. A bound is text; it is compared with numbers as a
 * number.
 */
function compared({ value, isNumber }: PageColumn, operator: '<' | '>', bound: Bound | null): RawBuilder<SqlBool> {
  if (bound === null) return sql`1 = 1`;
  const sign = sql.raw(bound.exclusive ? operator : `${operator}=`);
  if (!isNumber) return sql`${value} ${sign} ${bound.value}`;
  const number = Number(bound.value);
  return Number.isFinite(number) ? sql`${value} ${sign} ${sql.lit(number)}` : sql`1 = 0`;
}
