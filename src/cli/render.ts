import { harmless, padEnd, type Style, width } from './terminal-text.ts';

/** `=== ⬢ shop Config Vars` */
export function header(style: Style, text: string): string {
  return `${style.paint('dim', '===')} ${style.paint('bold', text)}`;
}

export type Cell = string | number | null | undefined;

/** Aligned columns with a `───` rule below the names. Control characters are removed; a line break becomes a space. */
export function table(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = rows.map((row) =>
    row.map((cell) => harmless(String(cell ?? ''), { colours: true }).replace(/\s*\n\s*/g, ' ')),
  );
  const widths = columns.map((name, i) => Math.max(width(name), ...cells.map((row) => width(row[i] ?? ''))));
  const line = (row: readonly string[]) =>
    widths
      .map((columns, i) => padEnd(row[i] ?? '', columns))
      .join('  ')
      .trimEnd();
  return [line(columns), line(widths.map((columns) => '─'.repeat(columns))), ...cells.map(line)].join('\n');
}

/** `Key:   value` with aligned values; further lines of a value are indented below its first. Omits null values. */
export function keyValues(pairs: readonly (readonly [key: string, value: Cell])[]): string {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined);
  const column = Math.max(0, ...shown.map(([key]) => width(key))) + 2;
  return shown
    .map(([key, value]) => {
      const text = harmless(String(value), { colours: true }).replaceAll('\n', `\n${' '.repeat(column)}`);
      return `${padEnd(`${harmless(key)}:`, column)}${text}`.trimEnd();
    })
    .join('\n');
}

export function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
