import assert from 'node:assert/strict';
import { setPriority } from 'node:os';
import type { TestContext } from 'node:test';
import { figureText } from '../runner/figures.ts';
import { residentMegabytes } from '../support/processes.ts';
import { percentile95, startWatch, type Watched, type WatchReport } from './watch.ts';

/** Who must not notice the attack. */
export interface Scene {
  /** What the neighbour's visitors ask for. */
  readonly watched: readonly Watched[];
  /** The attacked process, whose resident memory is measured. */
  readonly pid: number;
}

export interface Attack {
  /** The row's first column, such as `30,000 pipelined requests to an app that hangs`. */
  readonly what: string;
  /** How long it lasts at most: 10 by default. 30 is the most. */
  readonly seconds?: number;
  /** Highest resident memory of the attacked process during the attack, in MB: 250 by default. More fails the test. */
  readonly maxMegabytes?: number;
  /**
   * Attacks until `signal` aborts or it is done. It must end everything that it began. What it throws fails the test: use
   * it for limits that only this attack knows.
   */
  run(signal: AbortSignal): Promise<void>;
}

const idleSeconds = 5;
const defaultMaxMegabytes = 250;

/** What may be resident after an attack, in MB. More makes the row say `missed`. */
const afterLimitMegabytes = 150;
/** Until garbage was collected and memory given back to the system. */
const settleSeconds = 15;

/** How many times slower than idle the neighbour's 95th percentile may get, and the least for which it counts. */
const mostTimesSlower = 2;

/**
 * Measures the neighbour idle and during the attack, and reports one row. A failed request of the neighbour or a process that
 * grows beyond its limit fails the test. A slow neighbour, or one that stays above 150 MB, makes the row say `missed`, and no
 * more: both depend on the machine.
 */
export async function attack(t: TestContext, { watched, pid }: Scene, attacking: Attack): Promise<void> {
  const { what, seconds = 10, maxMegabytes = defaultMaxMegabytes } = attacking;
  await using watch = await startWatch(watched);
  const memory = watchMemory(pid);
  await pause(1);
  await watch.report();
  await pause(idleSeconds);
  const idle = await watch.report();
  const idleMegabytes = memory.peak();
  // On a real network the attacker computes on a machine of its own.
  setPriority(19);
  const over = AbortSignal.timeout(seconds * 1000);
  await attacking.run(over);
  const attacked = await watch.report();
  const peakMegabytes = memory.stop();
  const afterMegabytes = await settledMegabytes(pid);
  const idleMs = percentile95(idle.timesMs);
  const attackedMs = percentile95(attacked.timesMs);
  const isFast = attackedMs <= mostTimesSlower * idleMs;
  const isSmall = peakMegabytes <= maxMegabytes && afterMegabytes <= afterLimitMegabytes;
  t.diagnostic(
    figureText({
      what,
      before: `p95 ${idleMs.toFixed(1)} ms, ${idleMegabytes} MB`,
      during: `p95 ${attackedMs.toFixed(1)} ms, ${failuresOf(attacked)} failed, ${peakMegabytes} MB, after ${afterMegabytes} MB`,
      limit: `p95 ${(mostTimesSlower * idleMs).toFixed(1)} ms, 0 failed, ${maxMegabytes} MB, after ${afterLimitMegabytes} MB`,
      held: isFast && isSmall && attacked.failures.length === 0,
    }),
  );
  assert.deepEqual(idle.failures, [], 'requests failed before the attack');
  const reasons = [...new Set(attacked.failures)];
  assert.deepEqual(reasons, [], `the neighbour's requests failed: ${failuresOf(attacked)}`);
  assert.ok(peakMegabytes <= maxMegabytes, `${peakMegabytes} MB were resident, and the limit is ${maxMegabytes} MB`);
}

async function settledMegabytes(pid: number): Promise<number> {
  for (let second = 0; second < settleSeconds && residentMegabytes(pid) > afterLimitMegabytes; second += 1)
    await pause(1);
  return residentMegabytes(pid);
}

function failuresOf({ timesMs, failures }: WatchReport): string {
  return `${failures.length} of ${timesMs.length + failures.length}`;
}

function watchMemory(pid: number) {
  let peak = residentMegabytes(pid);
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMegabytes(pid));
  }, 100);
  return {
    peak: () => peak,
    stop() {
      clearInterval(timer);
      return Math.max(peak, residentMegabytes(pid));
    },
  };
}

/** A span over which something is measured, not a wait for something. */
function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
