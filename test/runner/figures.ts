/** One row of the table that the suites of figures print: `npm run test:attack`, `npm run test:chaos`. */
export interface Figure {
  readonly what: string;
  /** Idle, or before the attack. */
  readonly before: string;
  /** During and after it. */
  readonly during: string;
  readonly limit: string;
  readonly held: boolean;
}

const mark = 'figure ';
const heads = ['what', 'before', 'during/after', 'limit', 'held'] as const;

/** The diagnostic by which a test hands its figure to the runner: `t.diagnostic(figureText(figure))`. */
export function figureText(figure: Figure): string {
  return `${mark}${JSON.stringify(figure)}`;
}

/** Null for any other diagnostic. */
export function figureIn(diagnostic: string): Figure | null {
  return diagnostic.startsWith(mark) ? (JSON.parse(diagnostic.slice(mark.length)) as Figure) : null;
}

export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, before, during, limit, held }) => [
    what,
    before,
    during,
    limit,
    held ? 'held' : 'missed',
  ]);
  const widths = heads.map((head, at) => Math.max(head.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join(' | ')
      .trimEnd();
  return `${[heads, ...rows].map(line).join('\n')}\n`;
}
