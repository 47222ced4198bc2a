import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { rollOut } from '../../src/operations/roll-out.ts';
import { endDiskHogs } from '../../src/provisioner/disk-guard.ts';
import { eventsOf } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { answering, LowerHalf } from '../support/lower-half.ts';

const never = new AbortController().signal;
const megabyte = 1024 * 1024;

describe('an instance that fills its disk', () => {
  let half: LowerHalf;
  before(async () => {
    half = await LowerHalf.start();
  });
  after(() => half[Symbol.asyncDispose]());

  const deployed = async (name: string, before: string) => {
    const app = await half.app(name);
    await rollOut(await half.release(app, { web: `${before}; ${answering(name)}` }), half.deps, never);
    return app;
  };
  const active = async (appId: string) => (await half.deps.store.instances.listActive(appId)).map(({ id }) => id);

  it('is stopped and replaced, the numbers are in the log, and other instances go on', async () => {
    const hog = await deployed('hog', 'dd if=/dev/zero of=/home/big bs=1M count=30');
    const neighbour = await deployed('neighbour', 'dd if=/dev/zero of=/home/small bs=1M count=3');
    const [before, other] = [await active(hog.id), await active(neighbour.id)];
    const { store, environment } = half.deps;
    const { engine } = half.fixture;
    await endDiskHogs({ ...environment, engine, store }, 40 * megabyte, never);
    assert.deepEqual(await active(hog.id), before, 'not over the limit');
    await endDiskHogs({ ...environment, engine, store }, 20 * megabyte, never);
    await eventually('another one takes its place', async () => {
      const now = await active(hog.id);
      return now.length === 1 && now[0] !== before[0] && (await half.get(hog)).body === 'hog';
    });
    const [told] = await eventsOf(store, hog.id, 'instance.disk_full');
    assert.match(String(told?.data.reason), /^Wrote 3\d MB to its disk, and 20 MB is the limit: ended$/);
    assert.equal(told?.data.process, 'web.1');
    assert.deepEqual(await active(neighbour.id), other);
  });
});
