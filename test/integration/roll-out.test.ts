import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { errorCode } from '../../src/domain/errors.ts';
import { releaseOf } from '../../src/domain/instance.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import { createRepairs } from '../../src/operations/repairs.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { placeInstances } from '../../src/provisioner/placing.ts';
import { withoutDelay } from '../../src/provisioner/plan.ts';
import { eventsOf } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { answering, LowerHalf } from '../support/lower-half.ts';
import { currentIdOf } from '../support/store-fixture.ts';

const never = new AbortController().signal;

describe('from a release to a URL', () => {
  let half: LowerHalf;
  before(async () => {
    half = await LowerHalf.start({ bootTimeoutMs: 6000 });
  });
  after(() => half[Symbol.asyncDispose]());

  const serving = async (name: string, marker: string) => {
    const app = await half.app(name);
    const release = await half.release(app, { web: answering(marker) });
    await rollOut(release, half.deps, never);
    assert.equal((await half.get(app)).body, marker);
    return { app, release };
  };

  it('serves the new version when it answers, and then stops the old one', async () => {
    const { app } = await serving('switching', 'one');
    const release = await half.release(app, { web: answering('two') });
    await rollOut(release, half.deps, never);
    assert.equal((await half.get(app)).body, 'two');
    assert.equal(await currentIdOf(half.deps.store, app), release.id);
    await eventually('one container is left', async () => (await half.containers(app)).length === 1);
  });

  it('fails within the boot timeout when nothing listens, and the old version goes on', async () => {
    const { app, release: good } = await serving('deaf', 'good');
    const deaf = await half.release(app, { web: 'exec sleep 60' });
    await assert.rejects(rollOut(deaf, half.deps, never), /did not answer on port 5000 within 6 s/);
    assert.equal((await half.get(app)).body, 'good');
    const { store } = half.deps;
    assert.equal((await store.releases.find(deaf.id))?.status, 'failed');
    assert.equal(await currentIdOf(store, app), good.id);
    await eventually('the deaf one is gone', async () => (await half.containers(app)).length === 1);
  });

  it('fails at once when the process ends, without another try', async () => {
    const { app } = await serving('ending', 'good');
    const ending = await half.release(app, { web: 'echo last words; exit 9' });
    await assert.rejects(rollOut(ending, half.deps, never), /web\.1 of v2 did not start: Process exited with status 9/);
    const lines = await half.deps.appLog.read(app.id, { lines: 5, source: 'app' });
    assert.deepEqual(
      lines.map(({ text }) => text),
      ['last words'],
    );
    assert.equal(
      (await half.deps.store.instances.list(app.id)).filter((one) => releaseOf(one) === ending.id).length,
      1,
    );
  });

  it('fails when the worker does not start, and the old web and worker go on', async () => {
    const app = await half.app('crew');
    const { store } = half.deps;
    await store.formations.put({ appId: app.id, type: 'worker', quantity: 1, size: fixedSize(1) });
    const worker = 'exec sleep 600';
    const good = await half.release(app, { web: answering('good'), worker });
    await rollOut(good, half.deps, never);
    const before = await half.containers(app);
    assert.equal(before.length, 2);
    const lazy = await half.release(app, { web: answering('new'), worker: 'echo no queue; exit 1' });
    const ends = /^worker\.1 of v2 did not start: Process exited with status 1\./;
    await assert.rejects(rollOut(lazy, half.deps, never), { code: 'start_failed', message: ends });
    const fading = await half.release(app, { web: `sleep 3; ${answering('new')}`, worker: 'sleep 2; exit 1' });
    const fades = /^worker\.1 of v3 did not start: Process exited with status 1\./;
    await assert.rejects(rollOut(fading, half.deps, never), { code: 'start_failed', message: fades });
    for (const { id } of [lazy, fading]) assert.equal((await store.releases.find(id))?.status, 'failed');
    await eventually('the old ones are left', async () => (await half.containers(app)).length === 2);
    const ids = async () => (await half.containers(app)).map(({ id }) => id).sort();
    assert.deepEqual(await ids(), before.map(({ id }) => id).sort());
    assert.equal((await half.get(app)).body, 'good');
  });

  it('can be cancelled by its caller, and then leaves nothing', async () => {
    const { app } = await serving('patient', 'good');
    const slow = await half.release(app, { web: 'exec sleep 60' });
    const gone = new AbortController();
    const rollingOut = rollOut(slow, half.deps, gone.signal);
    await eventually('the new one runs', async () => (await half.containers(app)).length === 2);
    gone.abort();
    await assert.rejects(rollingOut, (error) => errorCode(error) === 'cancelled');
    await eventually('it is gone', async () => (await half.containers(app)).length === 1);
    assert.equal((await half.get(app)).body, 'good');
  });

  it('replaces a crashed instance at once, and a missing container too', async () => {
    const { app } = await serving('crashing', 'here');
    const [first] = await half.containers(app);
    await half.fixture.engine.containers.kill(first?.id ?? '', 'SIGKILL');
    await eventually('it answers from another container', async () => {
      const [now] = await half.containers(app);
      return now && now.id !== first?.id && (await half.get(app)).status === 200;
    });
    const crashed = (await half.deps.store.instances.list(app.id)).find(({ state }) => state === 'crashed');
    assert.match(crashed?.reason ?? '', /status 137/);
    const [told] = await eventsOf(half.deps.store, app.id, 'instance.crashed');
    assert.equal(told?.data.from, 'up', 'for the log: from what it crashed');
  });

  it('continues after the death of the orchestrator: same container, no restart', async () => {
    const { app } = await serving('adopted', 'mine');
    const before = await half.containers(app);
    await half.anotherSupervisor();
    await createRepairs(half.deps).recover();
    assert.equal((await half.get(app)).body, 'mine');
    assert.deepEqual(
      (await half.containers(app)).map(({ id }) => id),
      before.map(({ id }) => id),
    );
  });

  it('is undone at the next start when the orchestrator crashed in the middle', async () => {
    const { app, release: good } = await serving('halfway', 'old');
    const lost = await half.release(app, { web: 'exec sleep 60' });
    const web = withoutDelay({ type: 'web', slot: 1, size: fixedSize(1) });
    await half.deps.store.transaction((tables) => placeInstances(tables, { app, release: lost }, [web]));
    await eventually('two run', async () => (await half.containers(app)).length === 2);
    await createRepairs(half.deps).recover();
    await eventually('one runs', async () => (await half.containers(app)).length === 1);
    const { store } = half.deps;
    assert.equal((await store.releases.find(lost.id))?.status, 'failed');
    assert.equal(await currentIdOf(store, app), good.id);
    assert.equal((await half.get(app)).body, 'old');
  });
});
