import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { instanceFacts } from '../../src/domain/event.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import { createRepairs } from '../../src/operations/repairs.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { placeInstances } from '../../src/provisioner/placing.ts';
import { withoutDelay } from '../../src/provisioner/plan.ts';
import { eventsOf } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { putHost } from '../support/hosts.ts';
import { answering, LowerHalf } from '../support/lower-half.ts';
import { currentIdOf } from '../support/store-fixture.ts';

const never = new AbortController().signal;

/** Serves only in a size of one cloudlet. */
const onlySmall = (() => {
  // Of control groups version 2 or 1.
  const limit = 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | head -n 1';
  return `[ "$(${limit})" -lt 100000000 ] || exit 3; ${answering('small')}`;
})();

describe('a change of size', () => {
  let half: LowerHalf;
  before(async () => {
    half = await LowerHalf.start({ bootTimeoutMs: 5000, cloudlets: 60 });
  });
  after(() => half[Symbol.asyncDispose]());

  it('a new size whose instances do not start is undone, with all changes of that request', async () => {
    const app = await half.app('taken');
    await half.deps.store.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(1) });
    await rollOut(await half.release(app, { web: onlySmall }), half.deps, never);
    const change = { type: 'web', quantity: { set: 2 }, size: fixedSize(2) } as const;
    await assert.rejects(half.operations.scale(app, [change], half.actor), { code: 'start_failed' });
    assert.deepEqual(await half.formation(app), ['web=1:1']);
    await eventually('it is as it was', async () => (await half.sizes(app)).join() === 'web.1:1');
    await half.serves(app, 'small');
  });

  it('a change of size with a crash in the middle is finished', async () => {
    const app = await half.deployed('halfsize');
    await half.deps.store.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(2) });
    await createRepairs(half.deps).recover();
    await eventually('it has its size', async () => (await half.sizes(app)).join() === 'web.1:2');
    await half.serves(app, 'halfsize');
  });

  it('the events of a change of size cover each instance from start to end', async () => {
    const app = await half.deployed('metered');
    const { store } = half.deps;
    await half.operations.scale(app, [{ type: 'web', size: fixedSize(2) }], half.actor);
    await eventually('the smaller one has ended', async () => (await half.containers(app)).length === 1);
    await eventually(
      'the stop is reported',
      async () => (await eventsOf(store, app.id, 'instance.stopped')).length > 0,
    );
    const events = (await store.events.list({ appId: app.id, limit: 1000 })).toReversed();
    const rows = (await store.instances.list(app.id)).map((row) => instanceFacts(row, 1));
    assert.deepEqual(new Set(rows.map((row) => `${row.reserved}-${row.limit}`)), new Set(['1-1', '2-2', '1-4']));
    for (const facts of rows) {
      const own = events.filter(({ data }) => 'instanceId' in data && data.instanceId === facts.instanceId);
      const life = ['placed', 'starting', 'up', ...(facts.reserved === 2 ? [] : ['draining', 'stopped'])];
      assert.deepEqual(
        own.map(({ kind }) => kind),
        life.map((state) => `instance.${state}`),
      );
      for (const { kind, data } of own) assert.deepEqual({ ...data, ...facts }, data, kind);
    }
  });

  it('a change of size whose end was not written is finished while the platform runs', async () => {
    const app = await half.deployed('unfinished');
    const { deps } = half;
    await deps.store.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(2) });
    await createRepairs(deps).repairLeftovers();
    await eventually('it has its size', async () => (await half.sizes(app)).join() === 'web.1:2');
    await half.serves(app, 'unfinished');
  });

  it('when the old instance of a slot could not be stopped, it is stopped later while the platform runs', async () => {
    const app = await half.deployed('doubled');
    const { deps } = half;
    const release = { id: await currentIdOf(deps.store, app), version: 1 };
    const slot = withoutDelay({ type: 'web', slot: 1, size: fixedSize(1) });
    await deps.store.transaction((tables) => placeInstances(tables, { app, release }, [slot]));
    await eventually(
      'both are up',
      async () => (await half.active(app)).filter(({ state }) => state === 'up').length === 2,
    );
    await createRepairs(deps).repairLeftovers();
    await eventually('one is left', async () => (await half.containers(app)).length === 1);
    await half.serves(app, 'doubled');
  });

  it('a change of size that no host takes is tried again each round and reported once until it succeeds', async () => {
    const app = await half.deployed('no-room');
    const warned: string[] = [];
    const logger = { ...half.deps.logger, warn: (message: string) => void warned.push(message) };
    const repairs = createRepairs({ ...half.deps, logger });
    const round = async (size: number, state: 'ready' | 'maintenance') => {
      await putHost(half.deps.store, { cloudlets: 60, state });
      await half.deps.store.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(size) });
      await repairs.repairLeftovers();
      await eventually('the attempt has ended', async () => !(await half.deps.work.isBusy(app.id)));
    };
    await round(2, 'maintenance');
    await eventually('it is reported', () => warned.length === 1);
    await round(2, 'maintenance');
    assert.deepEqual(await half.sizes(app), ['web.1:1']);
    await round(2, 'ready');
    await eventually('it has its size', async () => (await half.sizes(app)).join() === 'web.1:2');
    await round(3, 'maintenance');
    await eventually('it is reported again', () => warned.length === 2);
    await putHost(half.deps.store, { cloudlets: 60 });
    assert.match(warned.join(), /^(a change of size could not be finished[^,]*,?){2}$/);
  });

  it('a resumed change of size that does not start is undone', async () => {
    const app = await half.app('too-large');
    const { store } = half.deps;
    await store.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(1) });
    await rollOut(await half.release(app, { web: onlySmall }), half.deps, never);
    await store.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(2) });
    await createRepairs(half.deps).repairLeftovers();
    await eventually('the formation is as it was', async () => (await half.formation(app)).join() === 'web=1:1');
    await eventually('it runs as it did', async () => (await half.sizes(app)).join() === 'web.1:1');
    await half.serves(app, 'small');
  });
});
