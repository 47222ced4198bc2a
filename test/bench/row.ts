/** One line of the benchmark: our figure beside its floor, measured in the same run on the same machine. */
export interface BenchRow {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  /** What cannot be beaten, or a peer at the same work. */
  readonly floor: number;
  readonly floorName: string;
  /** ours / floor */
  readonly ratio: number;
  /** What ours may be at most, in the row's unit (or as a ratio, when the name says so). Absent: no promise is made. */
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
