import { EngineFixture } from '../support/engine-fixture.ts';

/** On the two cores on which the deadlines of the tests were written, with nothing else to do. */
const referenceStartMs = 300;
/** A machine that is slower than that cannot be told from one that hangs. */
const slowest = 8;
const samples = 3;

/**
 * How much slower this machine is now than the one of the deadlines, from 1 to 8: the middle of three starts of a
 * container.
 */
export async function measurePace(): Promise<number> {
  await using fixture = await EngineFixture.create();
  const { containers } = fixture.engine;
  const startsMs: number[] = [];
  for (let at = 0; at < samples; at += 1) {
    const id = await containers.create(fixture.spec('exit 0'));
    const begin = performance.now();
    await containers.start(id);
    startsMs.push(performance.now() - begin);
  }
  const middleMs = startsMs.sort((a, b) => a - b)[Math.floor(samples / 2)] ?? referenceStartMs;
  return paceOf(middleMs);
}

export function paceOf(startMs: number): number {
  return Math.min(slowest, Math.max(1, Math.round((startMs / referenceStartMs) * 10) / 10));
}
