/** One row of the benchmark: our figure and its floor, measured in the same run on the same machine. */
export interface BenchRow {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  /** The best possible figure, or that of a peer for the same work. */
  readonly floor: number;
  readonly floorName: string;
  /** ours / floor */
  readonly ratio: number;
  /** The highest allowed value of ours, in the row's unit (or as a ratio, if the name says so). Absent: no promise. */
  readonly budget?: number;
  readonly note?: string;
}

export function row(row: Omit<BenchRow, 'ratio'>): BenchRow {
  return { ...row, ratio: row.floor === 0 ? Number.POSITIVE_INFINITY : row.ours / row.floor };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
