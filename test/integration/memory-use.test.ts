import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { createMemoryUse } from '../../src/orchestrator/memory-use.ts';
import { type Clock, systemClock } from '../../src/system/clock.ts';
import { enginesOf } from '../support/engines.ts';
import { eventually } from '../support/eventually.ts';
import { upInstance } from '../support/instances.ts';
import { RecordingEngine, type Reply } from '../support/recording-engine.ts';

const instances = Array.from({ length: 200 }, (_, index) =>
  upInstance(new Date(), { hostId: 'local', containerId: `c${index}` }),
);

/** The engine's answer about a container that uses 5 MB. */
const figures: Reply = {
  status: 200,
  body: { read: new Date().toISOString(), pids_stats: { current: 1 }, memory_stats: { usage: 5e6, limit: 64e6 } },
};

const isMeasuring = ({ path }: { readonly path: string }) => path.endsWith('/stats');

/** An answer waits for ever instead of two seconds. */
const patient: Clock = { ...systemClock, sleep: () => new Promise(() => undefined) };
/** An answer does not wait at all. */
const hasty: Clock = { ...systemClock, sleep: async () => undefined };

function memoryUse(wire: RecordingEngine, clock: Clock) {
  return createMemoryUse({ engines: enginesOf(createDockerEngine({ dockerHost: wire.dockerHost })), clock });
}

describe('what instances use', () => {
  it('two hundred are measured at the same reading of an engine, once for all who look', async () => {
    const reading = Promise.withResolvers<void>();
    let asked = 0;
    // Docker answers all that ask at its next reading.
    await using wire = await RecordingEngine.start((call) => {
      if (!isMeasuring(call)) return undefined;
      asked += 1;
      if (asked === instances.length) reading.resolve();
      return reading.promise.then(() => figures);
    });
    const use = memoryUse(wire, patient);
    const [one, other] = await Promise.all([use(instances), use(instances)]);
    assert.equal(one.size, instances.length);
    assert.deepEqual(one, other);
    assert.deepEqual(new Set((await use(instances)).values()), new Set([5e6]));
    assert.equal(wire.calls.filter(isMeasuring).length, instances.length);
  });

  it('instances of an engine that hangs are absent, and it is asked once while it hangs', async () => {
    await using silent = await RecordingEngine.start(() => null);
    assert.deepEqual(await memoryUse(silent, hasty)(instances), new Map());
    await using stuck = await RecordingEngine.start((call) => (isMeasuring(call) ? null : undefined));
    const use = memoryUse(stuck, hasty);
    assert.deepEqual(await use(instances), new Map());
    const asked = () => stuck.calls.filter(isMeasuring).length;
    await eventually('all are asked about', async () => asked() === instances.length);
    assert.deepEqual(await use(instances), new Map());
    assert.equal(asked(), instances.length);
  });

  it('those that do not run are not measured', async () => {
    await using wire = await RecordingEngine.start((call) => (isMeasuring(call) ? figures : undefined));
    const placed = upInstance(new Date(), { hostId: 'local', state: 'placed', containerId: null });
    const ended = upInstance(new Date(), { hostId: 'local', state: 'crashed' });
    const [running] = instances;
    assert.ok(running);
    const used = await memoryUse(wire, patient)([placed, ended, running]);
    assert.deepEqual([...used.keys()], [running.id]);
  });
});
