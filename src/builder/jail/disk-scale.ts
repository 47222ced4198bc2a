import { setTimeout as pause } from 'node:timers/promises';
import type { ContainerDisk, HostHands } from '../../domain/host-hands.ts';
import type { Guard } from './guard.ts';
import type { JailLimits } from './limits.ts';

const lookEveryMs = 1_000;
/** Between two counts at least, so that counting takes at most a tenth of one CPU. */
const leastPauseMs = 2_000;
const pausePerCount = 10;
/** When the disk's free space falls by this share of the limit, the next count comes at once. */
const alarmShare = 1 / 8;

export interface ScaleDeps {
  readonly guard: Guard;
  readonly limits: Pick<JailLimits, 'diskBytes' | 'silenceMs'>;
  readonly hands: Pick<HostHands, 'disks'>;
  /** Counts from outside of the build. */
  readonly count: (signal: AbortSignal) => Promise<ContainerDisk>;
}

/**
 * Counts what a build has on disk until the answer is disposed of: every 2 s or more, and after a second in which the
 * free space of the disk fell. Ends the build that has too much, and one that could not be counted for too long.
 */
export function startScale(deps: ScaleDeps): Disposable {
  const closing = new AbortController();
  void weigh(deps, closing.signal);
  return { [Symbol.dispose]: () => closing.abort() };
}

async function weigh({ guard, limits, hands, count }: ScaleDeps, signal: AbortSignal): Promise<void> {
  let countedAt = performance.now();
  let nextAt = countedAt + leastPauseMs;
  let freeThen = await freeBytes(hands);
  while (await passed(lookEveryMs, signal)) {
    const free = await freeBytes(hands);
    const fell = freeThen - free > limits.diskBytes * alarmShare;
    const began = performance.now();
    if (began < nextAt && !fell) continue;
    try {
      guard.sawDisk(await count(signal));
      countedAt = performance.now();
      freeThen = free;
    } catch (error) {
      if (signal.aborted) return;
      if (performance.now() - countedAt > limits.silenceMs) guard.uncounted(error);
    }
    nextAt = performance.now() + leastPauseMs + pausePerCount * (performance.now() - began);
  }
}

/** Infinite if the disk cannot be read. */
async function freeBytes(hands: Pick<HostHands, 'disks'>): Promise<number> {
  const disks = await hands.disks().catch(() => []);
  return disks.find(({ holds }) => holds === 'engine')?.space?.freeBytes ?? Number.POSITIVE_INFINITY;
}

/** False if the signal aborts meanwhile. */
function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  return pause(ms, true, { signal, ref: false }).catch(() => false);
}
