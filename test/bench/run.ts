import { cpus, totalmem } from 'node:os';
import { TestPlatform } from '../support/platform.ts';
import * as controlPlane from './control-plane.ts';
import * as express from './express.ts';
import * as idleApps from './idle-apps.ts';
import * as push from './push.ts';
import * as recovery from './recovery.ts';
import * as resolver from './resolver.ts';
import * as routes from './routes.ts';
import type { BenchRow } from './row.ts';

/** The noisy parts (downloads, a hundred apps) come last. */
const parts: Readonly<Record<string, (paas: TestPlatform) => Promise<readonly BenchRow[]>>> = {
  push: push.rows,
  recovery: recovery.rows,
  resolver: () => resolver.rows(),
  routes: () => routes.rows(),
  express: express.rows,
  'control-plane': controlPlane.rows,
  'idle-apps': idleApps.rows,
};

/** Prints every row of the speed budget with its floor. Exits with 1 when a row is over twice its budget. */
async function main(chosen: readonly string[], json: boolean): Promise<number> {
  const rows: BenchRow[] = [];
  await using paas = await TestPlatform.start();
  for (const [name, measure] of Object.entries(parts)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    process.stderr.write(`measuring: ${name}\n`);
    rows.push(...(await measure(paas)));
  }
  process.stdout.write(json ? `${JSON.stringify(rows, null, 2)}\n` : table(rows));
  return rows.some(({ ours, budget }) => budget !== undefined && ours > 2 * budget) ? 1 : 0;
}

function table(rows: readonly BenchRow[]): string {
  const cells = rows.map((row) => [
    row.name,
    `${figure(row.ours)} ${row.unit}`,
    row.budget === undefined ? '' : `≤ ${figure(row.budget)}`,
    verdict(row),
    `${figure(row.ratio)}×`,
    `${figure(row.floor)} ${row.floorName}${row.note ? ` (${row.note})` : ''}`,
  ]);
  const head = ['path', 'ours', 'budget', '', 'ratio', 'floor in the same run'];
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)));
  const line = (columns: readonly string[]) =>
    columns
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
  return `${machine}\n\n${[head, ...cells].map(line).join('\n')}\n`;
}

function verdict({ ours, budget }: BenchRow): string {
  if (budget === undefined) return '';
  if (ours <= budget) return 'within';
  return ours <= 2 * budget ? 'over' : 'FAR OVER';
}

function figure(value: number): string {
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

const args = process.argv.slice(2);
process.exitCode = await main(
  args.filter((arg) => !arg.startsWith('--')),
  args.includes('--json'),
);
