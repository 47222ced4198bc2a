import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { processName, releaseOf } from '../../src/domain/instance.ts';
import { fixedSize, sizeText } from '../../src/domain/instance-size.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { eventually } from '../support/eventually.ts';
import { putHost } from '../support/hosts.ts';
import { answering, LowerHalf } from '../support/lower-half.ts';

const never = new AbortController().signal;

describe('on a host whose cloudlets are all promised', () => {
  let half: LowerHalf;
  before(async () => {
    half = await LowerHalf.start({ cloudlets: 2 });
  });
  after(() => half[Symbol.asyncDispose]());

  const host = (promisable: number, deployReserve = 0) =>
    putHost(half.deps.store, { cloudlets: 2, promisable, deployReserve });
  const oldest = async () => {
    const app = (await half.deps.store.apps.list()).find(({ name }) => name === 'full');
    assert.ok(app);
    return app;
  };
  const promised = async () =>
    (await half.deps.store.instances.listActive()).reduce((sum, { size }) => sum + size.reserved, 0);
  const deploy = async (app: App, scripts: Readonly<Record<string, string>>) => {
    const release = await half.release(app, scripts);
    await rollOut(release, half.deps, never);
    return release;
  };
  const containers = async (app: App) =>
    (await half.deps.store.instances.listActive(app.id)).map(({ containerId }) => containerId ?? '');
  const running = async (app: App) =>
    (await half.deps.store.instances.listActive(app.id)).map((one) => ({
      name: `${processName(one)}:${sizeText(one.size)}`,
      releaseId: one.state === 'up' ? releaseOf(one) : null,
    }));
  /** Resolves when these instances run and no others. */
  const runs = (app: App, releaseId: string, names: string) =>
    eventually(`${names} run`, async () => {
      const all = await running(app);
      const isDone = all.every((one) => one.releaseId === releaseId);
      return (
        isDone &&
        all
          .map(({ name }) => name)
          .sort()
          .join(' ') === names
      );
    });
  /** Sends requests one after the other during the work. Gives the bodies, and the most that was promised at once. */
  const during = async (app: App, work: () => Promise<unknown>) => {
    const bodies: string[] = [];
    let most = 0;
    const look = () => promised().then((now) => (most = Math.max(most, now)));
    const looks: Promise<unknown>[] = [];
    const unsubscribe = half.deps.store.changes.subscribe(({ table }) => {
      if (table === 'instances') looks.push(look());
    }, look);
    const ended = new AbortController();
    const asking = (async () => {
      while (!ended.signal.aborted) {
        const { status, body } = await half.get(app);
        bodies.push(status === 200 ? body : `${status} ${body}`);
      }
    })();
    try {
      await work();
    } finally {
      ended.abort();
      await asking;
      unsubscribe();
      await Promise.all(looks);
    }
    return { bodies: new Set(bodies), most };
  };

  it('everything that replaces a running app goes on with one at a time, and no request fails', async () => {
    await host(2);
    const app = await half.app('full');
    const first = await deploy(app, { web: answering('one') });
    await half.operations.scale(app, [{ type: 'web', quantity: { set: 2 } }], half.actor);
    await runs(app, first.id, 'web.1:1-4 web.2:1-4');
    let current = first.id;
    const deployed = await during(app, async () => {
      current = (await deploy(app, { web: answering('two') })).id;
      await runs(app, current, 'web.1:1-4 web.2:1-4');
    });
    assert.deepEqual(deployed, { bodies: new Set(['one', 'two']), most: 3 });
    const before = await containers(app);
    const restarted = await during(app, () => half.operations.restart(app, null, half.actor));
    assert.deepEqual(restarted, { bodies: new Set(['two']), most: 3 });
    await runs(app, current, 'web.1:1-4 web.2:1-4');
    assert.ok((await containers(app)).every((id) => !before.includes(id)));
    const resize = { type: 'web', size: { reserved: 1, limit: 2 } };
    const resized = await during(app, () => half.operations.scale(app, [resize], half.actor));
    assert.deepEqual(resized, { bodies: new Set(['two']), most: 3 });
    await runs(app, current, 'web.1:1-2 web.2:1-2');
    const [killed = ''] = await containers(app);
    await half.fixture.engine.containers.kill(killed, 'SIGKILL');
    await eventually('it is replaced', async () => !(await containers(app)).includes(killed));
    await runs(app, current, 'web.1:1-2 web.2:1-2');
  });

  it('a first deploy, a scale-up and a one-off are refused with the numbers, and change nothing', async () => {
    await host(3, 1);
    const full = await oldest();
    const late = await half.app('late');
    const numbers = {
      code: 'no_capacity',
      message:
        'No room: host here has 0 of 3 cloudlets free (2 × overcommit 1.5, 2 are promised, 1 are kept for deploys), and 1 × 1 = 1 are needed: 0 of 1 fit.',
    };
    await assert.rejects(deploy(late, { web: answering('late') }), numbers);
    const { operations, actor } = half;
    await assert.rejects(operations.scale(full, [{ type: 'web', quantity: { add: 1 } }], actor), numbers);
    const once = { command: 'true', attach: false, tty: false, env: {} };
    await assert.rejects(operations.run(full, once, actor), numbers);
    const larger = operations.scale(full, [{ type: 'web', size: { reserved: 2, limit: 2 } }], actor);
    await assert.rejects(larger, { code: 'no_capacity', message: /and 2 × 2 = 4 are needed: 1 of 2 fit/ });
    assert.deepEqual((await running(full)).map(({ name }) => name).sort(), ['web.1:1-2', 'web.2:1-2']);
  });

  it('a larger size that fits when the smaller ones have left replaces them one after the other', async () => {
    await host(3);
    const app = await oldest();
    await half.operations.scale(app, [{ type: 'web', quantity: { set: 1 } }], half.actor);
    await eventually('one is left', async () => (await promised()) === 1);
    const grown = await during(app, () =>
      half.operations.scale(app, [{ type: 'web', size: fixedSize(3) }], half.actor),
    );
    assert.deepEqual(grown, { bodies: new Set(['two']), most: 4 });
    await eventually('it has its size', async () => (await running(app)).map(({ name }) => name).join() === 'web.1:3');
  });

  it('a deploy shows that each process type starts before it switches', async () => {
    await host(3);
    const app = await oldest();
    const size = { reserved: 1, limit: 4 };
    await half.operations.scale(app, [{ type: 'web', size }], half.actor);
    const worker = 'exec sleep 600';
    await deploy(app, { web: answering('three'), worker });
    await half.operations.scale(app, [{ type: 'worker', quantity: { set: 2 } }], half.actor);
    await assert.rejects(deploy(app, { web: answering('four'), worker: 'exit 1' }), { code: 'start_failed' });
    assert.equal((await half.get(app)).body, 'three');
    const { most, bodies } = await during(app, async () => {
      const { id } = await deploy(app, { web: answering('five'), worker });
      await runs(app, id, 'web.1:1-4 worker.1:1-4 worker.2:1-4');
    });
    assert.deepEqual(bodies, new Set(['three', 'five']));
    assert.equal(most, 5, 'three, and the first of both types beside them');
  });
});
