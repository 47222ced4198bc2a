import { PlatformError } from '../domain/errors.ts';

/** Rows hold moments as ISO 8601 text in UTC with milliseconds, which sorts as text. */
export function toDate(text: string): Date {
  return new Date(text);
}

export function toDateOrNull(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}

export function toText(date: Date): string {
  return date.toISOString();
}

export function toTextOrNull(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}

/** The row itself. Throws `not_found` when there is none. `what`: "build 0192…". */
export function found<T>(row: T | undefined | null, what: string): T {
  if (row === undefined || row === null) throw new PlatformError('not_found', `There is no ${what}.`);
  return row;
}

/** A row without the number that only queries order by. */
export function unnumbered<Row extends object>({ seq: _, ...row }: Row & { readonly seq?: number }): Omit<Row, 'seq'> {
  return row as Omit<Row, 'seq'>;
}
