import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { systemClock as clock } from '../../src/system/clock.ts';
import { HostRounds } from '../../src/system/host-rounds.ts';
import { silentLogger as logger } from '../../src/system/logger.ts';
import { enginesOf } from '../support/engines.ts';
import { eventually } from '../support/eventually.ts';

/** It is never called. */
const engine = createDockerEngine({ dockerHost: 'unix:///nonexistent' });

describe('engines by host', () => {
  it('are those that were added and not removed', () => {
    const engines = enginesOf({ a: engine });
    let told = 0;
    const unsubscribe = engines.subscribe(() => {
      told += 1;
    });
    assert.throws(() => engines.on('b'), { code: 'not_found' });
    const drop = engines.add('b', engine);
    assert.throws(() => engines.add('b', engine), { code: 'conflict' });
    assert.equal(engines.on('b'), engine);
    assert.deepEqual([engines.known(), told], [['a', 'b'], 1]);
    drop();
    drop();
    assert.deepEqual([engines.known(), told], [['a'], 2]);
    unsubscribe();
    engines.add('b', engine);
    assert.equal(told, 2);
  });
});

describe('rounds on every host', () => {
  const options = { what: 'count', everyMs: 1, clock, logger };

  it('go on where a host answers while another one hangs', async () => {
    const counts = { a: 0, b: 0 };
    const hanging = Promise.withResolvers<void>();
    const work = async (hostId: string) => {
      counts[hostId as 'a' | 'b'] += 1;
      if (hostId === 'b') await hanging.promise;
    };
    const rounds = new HostRounds({ ...options, engines: enginesOf({ a: engine, b: engine }), work });
    rounds.startLater();
    await eventually('ten rounds of the one', () => counts.a >= 10);
    assert.equal(counts.b, 1, 'never twice at once');
    hanging.resolve();
    await eventually('more of the other', () => counts.b > 1);
    await rounds.close();
  });

  it('do not wait for a host that hangs at the start', async () => {
    const hanging = Promise.withResolvers<void>();
    const work = (hostId: string) => (hostId === 'b' ? hanging.promise : Promise.resolve());
    const soon = { ...clock, sleep: (_: number, signal?: AbortSignal) => clock.sleep(1, signal) };
    const rounds = new HostRounds({ ...options, clock: soon, engines: enginesOf({ a: engine, b: engine }), work });
    await rounds.start();
    hanging.resolve();
    await rounds.close();
  });

  it('begin on an added host, and end on a removed one', async () => {
    const engines = enginesOf({ a: engine });
    const seen = new Map<string, number>();
    const work = async (hostId: string) => void seen.set(hostId, (seen.get(hostId) ?? 0) + 1);
    const rounds = new HostRounds({ ...options, engines, work });
    await rounds.start();
    const drop = engines.add('b', engine);
    await eventually('the new one has rounds', () => (seen.get('b') ?? 0) > 1);
    drop();
    const last = seen.get('b');
    const of = seen.get('a') ?? 0;
    await eventually('the other goes on', () => (seen.get('a') ?? 0) > of + 2);
    assert.equal(seen.get('b'), last);
    await rounds.close();
  });
});
