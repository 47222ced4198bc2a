import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { after, before, describe, it } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import { releaseOf } from '../../src/domain/instance.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import type { Release } from '../../src/domain/release.ts';
import { createRepairs } from '../../src/operations/repairs.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { forgetOldInstances } from '../../src/provisioner/history.ts';
import { placeInstances } from '../../src/provisioner/placing.ts';
import { withoutDelay } from '../../src/provisioner/plan.ts';
import { InstanceLife } from '../../src/supervisor/life.ts';
import type { LifeDeps } from '../../src/supervisor/life-deps.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { Terminals } from '../../src/supervisor/terminals.ts';
import { systemClock } from '../../src/system/clock.ts';
import { eventually } from '../support/eventually.ts';
import { testHands } from '../support/hands.ts';
import { answering, LowerHalf } from '../support/lower-half.ts';

const never = new AbortController().signal;

describe('after a crash or a failed write', () => {
  let half: LowerHalf;
  before(async () => {
    half = await LowerHalf.start();
  });
  after(() => half[Symbol.asyncDispose]());

  const deployed = async (name: string) => {
    const app = await half.app(name);
    await rollOut(await half.release(app, { web: answering(name) }), half.deps, never);
    return half.deps.store.apps.get(app.id);
  };
  const place = (app: App, release: Release, slot: number) =>
    half.deps.store.transaction((tables) =>
      placeInstances(tables, { app, release }, [withoutDelay({ type: 'web', slot, size: fixedSize(1) })]),
    );

  const lifeDeps = (): LifeDeps => ({
    engine: half.deps.environment.engines.on('local'),
    hands: testHands,
    store: half.deps.store,
    clock: systemClock,
    logger: half.deps.logger,
    terminals: new Terminals(),
    platformId: half.deps.environment.platformId,
    settings: {
      bootTimeoutMs: 3000,
      stopGraceMs: 1000,
      drainMs: 1000,
      cloudletMemoryBytes: 64 * 1024 * 1024,
      cloudletCpuMhz: 400,
      appTerminals: 16,
    },
    drainer: { drain: async () => undefined },
    ensureNetwork: async () => undefined,
    logs: { watch: () => undefined, finished: async () => undefined },
  });

  it('a roll-out whose end was not written is finished while the platform runs, and no running roll-out is disturbed', async () => {
    const [left, busy] = [await deployed('left'), await deployed('busy')];
    const { deps } = half;
    const lost = await half.release(left, { web: 'exec sleep 600' });
    await place(left, lost, 1);
    const going = await half.release(busy, { web: `sleep 2; ${answering('later')}` });
    const rollingOut = deps.work.hold(busy.id, ({ signal }) => rollOut(going, deps, signal), {
      purpose: 'this',
    });
    await eventually('both have two', async () => {
      const counts = [(await half.containers(left)).length, (await half.containers(busy)).length];
      return counts.every((count) => count === 2);
    });
    await createRepairs(deps).repairLeftovers();
    await eventually('the lost one is gone', async () => (await half.containers(left)).length === 1);
    assert.equal((await deps.store.releases.find(lost.id))?.status, 'failed');
    assert.equal((await half.get(left)).body, 'left');
    await rollingOut;
    assert.equal((await half.get(busy)).body, 'later');
  });

  it('a roll-out whose instances ended is finished too', async () => {
    const app = await deployed('unmarked');
    const lost = await half.release(app, { web: 'exit 1' });
    await createRepairs(half.deps).repairLeftovers();
    assert.equal((await half.deps.store.releases.find(lost.id))?.status, 'failed');
    assert.equal((await half.get(app)).body, 'unmarked');
  });

  it('instances that ended long ago are deleted, but the last one of each slot stays', async () => {
    const app = await deployed('history');
    const release = await half.release(app, { web: answering('x') });
    const { store } = half.deps;
    const endedAt = new Date(Date.now() - 48 * 60 * 60_000);
    await half.closeSupervisor();
    for (let count = 0; count < 120; count += 1) {
      const [instance] = await place(app, release, 1);
      await store.instances.observe(instance?.id ?? '', { state: 'refused', endedAt });
    }
    await forgetOldInstances({ store, clock: systemClock });
    const kept = (await store.instances.list(app.id)).filter((one) => releaseOf(one) === release.id);
    assert.equal(kept.length, 100);
    await half.anotherSupervisor();
  });

  it('a change that the change feed missed is seen at the next sweep', async () => {
    const app = await deployed('unheard');
    const release = await half.release(app, { web: answering('x') });
    await half.closeSupervisor();
    const { store } = half.deps;
    let isAway = false;
    let unheard = 0;
    const find = async (id: string) => {
      if (!isAway) return store.instances.find(id);
      unheard += 1;
      throw new PlatformError('busy', 'The store is busy.');
    };
    const supervisor = new Supervisor({
      ...lifeDeps(),
      engines: half.deps.environment.engines,
      handsOn: () => testHands,
      store: { ...store, instances: { ...store.instances, find } },
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 200), signal) },
    });
    await supervisor.start();
    try {
      const [old] = await place(app, release, 1);
      const stateOf = async (id = '') => (await store.instances.find(id))?.state;
      await eventually('it is up', async () => (await stateOf(old?.id)) === 'up');
      isAway = true;
      await store.instances.desireStopped(old?.id ?? '', 'cancelled');
      const [fresh] = await place(app, release, 2);
      await eventually('both were missed', () => unheard >= 2);
      isAway = false;
      await eventually('the one stops', async () => (await stateOf(old?.id)) === 'stopped');
      await eventually('the other comes up', async () => (await stateOf(fresh?.id)) === 'up');
    } finally {
      await supervisor.close();
      await half.anotherSupervisor();
    }
  });

  it('the last lines of an instance that ended while the engine was away are still read', async () => {
    const app = await deployed('speechless');
    const release = await half.release(app, { web: 'echo last words; exit 3' });
    await half.closeSupervisor();
    const { engine, ...life } = lifeDeps();
    const watched: string[] = [];
    let failures = 1;
    const inspect = async (id: string) => {
      if (failures-- > 0) {
        await engine.containers.wait(id, never);
        throw new PlatformError('timeout', 'The engine did not answer.');
      }
      return engine.containers.inspect(id);
    };
    const [instance] = await place(app, release, 1);
    assert.ok(instance);
    const logs = { watch: (_: unknown, id: string) => void watched.push(id), finished: async () => undefined };
    const containers = { ...engine.containers, inspect };
    await new InstanceLife(instance, { ...life, logs, engine: { ...engine, containers } }).run(never);
    const ended = await half.deps.store.instances.find(instance.id);
    assert.deepEqual([ended?.state, ended?.exitCode], ['crashed', 3]);
    assert.deepEqual(watched, [ended?.containerId]);
    await half.anotherSupervisor();
  });

  for (const moment of ['in its start', 'later'] as const) {
    it(`the end of an instance is seen even if it ends during an inspect (${moment})`, async () => {
      const app = await deployed(`overtaken-${moment.split(' ').at(-1)}`);
      const release = await half.release(app, { web: 'true', worker: 'exec sleep 600' });
      await half.closeSupervisor();
      const { store } = half.deps;
      const { engine, ...deps } = lifeDeps();
      const worker = withoutDelay({ type: 'worker', slot: 1, size: fixedSize(1) });
      const [instance] = await store.transaction((tables) => placeInstances(tables, { app, release }, [worker]));
      assert.ok(instance);
      const stateOf = async () => (await store.instances.find(instance.id))?.state;
      let isOvertaken = false;
      const inspect = async (id: string) => {
        const seen = await engine.containers.inspect(id);
        const isKnown = (await store.instances.find(instance.id))?.containerId === id;
        const isMoment = moment === 'later' ? (await stateOf()) === 'up' : isKnown && inspected++ === 1;
        if (!isMoment || isOvertaken) return seen;
        isOvertaken = true;
        await engine.containers.kill(id, 'SIGKILL');
        await engine.containers.wait(id, never);
        life.ended();
        return seen;
      };
      let inspected = 0;
      const life = new InstanceLife(instance, {
        ...deps,
        engine: { ...engine, containers: { ...engine.containers, inspect } },
      });
      const platform = new AbortController();
      const running = life.run(platform.signal);
      try {
        if (moment === 'later') {
          await eventually('it is up', async () => (await stateOf()) === 'up');
          life.lookAgain();
        }
        await eventually('its end is seen', async () => (await stateOf()) === 'crashed');
        assert.ok(isOvertaken);
      } finally {
        platform.abort();
        await running;
        await half.anotherSupervisor();
      }
    });
  }

  it('an ended instance leaves no listener on the platform', async () => {
    const app = await deployed('traces');
    const { store } = half.deps;
    const release = await half.release(app, { web: answering('x') });
    await half.closeSupervisor();
    const platform = new AbortController();
    const life = lifeDeps();
    const [never, stopped] = [(await place(app, release, 1))[0], (await place(app, release, 2))[0]];
    assert.ok(never && stopped);
    await store.instances.desireStopped(never.id, 'cancelled');
    const first = new InstanceLife((await store.instances.find(never.id)) ?? never, life);
    await first.run(platform.signal);
    const second = new InstanceLife(stopped, life);
    const running = second.run(platform.signal);
    await eventually('it is up', async () => (await store.instances.find(stopped.id))?.state === 'up');
    assert.equal(getEventListeners(platform.signal, 'abort').length, 1);
    await store.instances.desireStopped(stopped.id, 'cancelled');
    await second.changed();
    await running;
    assert.deepEqual(getEventListeners(platform.signal, 'abort'), []);
    assert.equal((await store.instances.find(never.id))?.reason, 'Stopped before it started');
    await half.anotherSupervisor();
  });
});
