import assert from 'node:assert/strict';
import { test } from 'node:test';
import { portsOf } from '../../src/supervisor/container-spec.ts';
import { awaitPort } from '../../src/supervisor/readiness.ts';
import type { Clock } from '../../src/system/clock.ts';

/** The port on which an instance is served, when its ports begin to answer at these times. */
async function served(ports: readonly number[], answersAtMs: Readonly<Record<number, number>>, timeoutMs = 60_000) {
  let nowMs = 0;
  const clock = {
    monotonicMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
    },
  } as Clock;
  const answers = async ({ port }: { readonly port: number }) =>
    nowMs >= (answersAtMs[port] ?? Number.POSITIVE_INFINITY);
  const port = await awaitPort(
    { address: '10.0.0.2', ports, timeoutMs },
    { hands: { answers }, clock },
    AbortSignal.any([]),
  );
  return { port, ms: nowMs };
}

test('the ports of web are PORT and what its image exposes, the lowest first', () => {
  const ports = (...exposedPorts: number[]) => portsOf({ type: 'web' }, { exposedPorts });
  assert.deepEqual([ports(), ports(80), ports(80, 443), ports(80, 5000)], [[5000], [80], [5000, 80, 443], [5000, 80]]);
  assert.equal(ports(...Array.from({ length: 1000 }, (_, index) => 8000 + index)).length, 20);
  assert.deepEqual(portsOf({ type: 'worker' }, { exposedPorts: [80, 443] }), []);
});

test('an instance is ready as soon as the port of PORT answers, whatever else answers', async () => {
  assert.deepEqual(await served([5000, 80, 443], { 5000: 0, 80: 0, 443: 0 }), { port: 5000, ms: 0 });
  const { port, ms } = await served([5000, 80, 443], { 80: 0, 5000: 500 });
  assert.ok(port === 5000 && ms < 1000, `${port} after ${ms} ms`);
});

test('the lowest exposed port that answers is served when nothing listens on PORT', async () => {
  assert.equal((await served([5000, 8080, 9090], { 8080: 100, 9090: 100 })).port, 8080);
  assert.equal((await served([5000, 8080, 9090], { 9090: 100 })).port, 9090);
});

test('a port that begins to listen somewhat later than another is still found', async () => {
  assert.equal((await served([5000, 8080, 9090], { 9090: 100, 8080: 900 })).port, 8080);
  assert.equal((await served([5000, 8080, 9090], { 9090: 5000, 8080: 9000 })).port, 8080);
  assert.equal((await served([5000, 8080, 9090], { 9090: 100, 8080: 9000 })).port, 9090);
});

test('an instance on whose ports nothing listens is given up at the boot timeout', async () => {
  const { port, ms } = await served([5000, 8080], { 7000: 0 }, 3000);
  assert.ok(port === null && ms > 3000 && ms < 4000, `${port} after ${ms} ms`);
  assert.equal((await served([5000, 8080], { 8080: 2800 }, 3000)).port, 8080);
});
