import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DiskLimits } from '../../src/config/settings.ts';
import type { App } from '../../src/domain/app.ts';
import type { HostHands } from '../../src/domain/host-hands.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { createDiskGuard } from '../../src/provisioner/disk-guard.ts';
import { systemClock } from '../../src/system/clock.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { eventsOf } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { testHands } from '../support/hands.ts';
import { answering, LowerHalf } from '../support/lower-half.ts';

const never = new AbortController().signal;
const megabyte = 1024 * 1024;
const none: DiskLimits = { instanceBytes: 1e15, instanceFiles: 1e9, appBytes: 1e15, reserveBytes: 0 };
const skip = isRoot() ? false : 'needs root, as the measuring itself; doctor says so';

describe('an instance that fills its disk', () => {
  let half: LowerHalf;
  before(async () => {
    half = await LowerHalf.start();
  });
  after(() => half[Symbol.asyncDispose]());

  const deployed = async (name: string, before: string, web = 1) => {
    const app = await half.app(name);
    await half.deps.store.formations.put({ appId: app.id, type: 'web', quantity: web, size: fixedSize(1) });
    await rollOut(await half.release(app, { web: `${before}; ${answering(name)}` }), half.deps, never);
    return app;
  };
  const active = async ({ id: appId }: Pick<App, 'id'>) =>
    (await half.deps.store.instances.listActive(appId)).map(({ id }) => id);
  const guard = (limits: Partial<DiskLimits>, hands: HostHands = testHands) => {
    const { store, environment } = half.deps;
    const deps = { ...environment, store, clock: systemClock, logger: silentLogger, handsOn: () => hands };
    const look = createDiskGuard({ ...deps, limits: { ...none, ...limits } });
    return () => look('local', never);
  };
  const reasons = async ({ id }: Pick<App, 'id'>) =>
    (await eventsOf(half.deps.store, id, 'instance.disk_full')).map(({ data }) => String(data.reason));
  const replaced = (app: App, before: readonly string[]) =>
    eventually('another one takes its place', async () => {
      const now = await active(app);
      return now.length === before.length && now[0] !== before[0] && (await half.get(app)).body === app.name;
    });

  it('is stopped and replaced, the numbers are in the log, and other instances go on', async () => {
    const hog = await deployed('hog', 'dd if=/dev/zero of=/home/big bs=1M count=30');
    const neighbour = await deployed('neighbour', 'dd if=/dev/zero of=/home/small bs=1M count=3');
    const [before, other] = [await active(hog), await active(neighbour)];
    await guard({ instanceBytes: 40 * megabyte })();
    assert.deepEqual(await active(hog), before, 'not over the limit');
    await guard({ instanceBytes: 20 * megabyte })();
    await replaced(hog, before);
    const [told] = await eventsOf(half.deps.store, hog.id, 'instance.disk_full');
    assert.match(String(told?.data.reason), /^Wrote 3\d MB to its disk, and 20 MB is the limit: ended$/);
    assert.equal(told?.data.process, 'web.1');
    assert.deepEqual(await active(neighbour), other);
    await half.deps.store.formations.put({ appId: hog.id, type: 'web', quantity: 0, size: fixedSize(1) });
  });

  it('is found by files without a name, by many empty ones, and not by sparse or linked ones', { skip }, async () => {
    const hidden = 'exec 9<>/home/hidden; rm /home/hidden; dd if=/dev/zero bs=1M count=30 >&9';
    const unlinked = await deployed('unlinked', hidden);
    const many = await deployed('many', 'mkdir /home/m; cd /home/m; touch $(seq 1 900)');
    const innocent = await deployed(
      'innocent',
      `dd if=/dev/zero of=/home/sparse bs=1 count=1 seek=8G; dd if=/dev/zero of=/home/one bs=1M count=9;
       ln /home/one /home/two; ln /home/one /home/three; exec 9<>/dev/shm/x; rm /dev/shm/x; dd if=/dev/zero bs=1M count=30 >&9`,
    );
    const kept = await active(innocent);
    const before = [await active(unlinked), await active(many)] as const;
    await guard({ instanceBytes: 20 * megabyte, instanceFiles: 800 })();
    await Promise.all([replaced(unlinked, before[0]), replaced(many, before[1])]);
    assert.match(
      (await reasons(unlinked)).join(),
      /^Wrote 3\d MB to its disk \(30 MB of it in removed files that are open\), and 20 MB is the limit: ended$/,
    );
    assert.match((await reasons(many)).join(), /^Made 9\d\d files on its disk, and 800 is the limit: ended$/);
    assert.deepEqual(await active(innocent), kept);
  });

  it('is the largest of an app whose instances are each within their limit', { skip }, async () => {
    const app = await deployed('several', 'dd if=/dev/zero of=/home/part bs=1M count=$((10 + ${DYNO#web.}))', 3);
    const before = await active(app);
    await guard({ instanceBytes: 20 * megabyte, appBytes: 30 * megabyte })();
    await eventually('one of them is another', async () => {
      const now = await active(app);
      return now.length === 3 && now.filter((id) => !before.includes(id)).length === 1;
    });
    assert.match(
      (await reasons(app)).join(),
      /^The app's instances wrote 3\d MB to their disks, and 30 MB is the limit of an app: the one with the most \(1\d MB\) is ended$/,
    );
  });

  it('is ended when it grows on a disk that has no more than the reserve, and others are not', { skip }, async () => {
    const grower = await deployed(
      'grower',
      '(while sleep 0.02; do dd if=/dev/zero bs=1M count=1; done >>/home/log) 2>&- & true',
    );
    const still = await deployed('still', 'dd if=/dev/zero of=/home/big bs=1M count=90');
    const [before, other] = [await active(grower), await active(still)];
    const look = guard({ reserveBytes: 2 ** 40 }, await smallDisk(120));
    await eventually('it is ended', async () => {
      await look();
      return (await reasons(grower)).length > 0;
    });
    await eventually('another one takes its place', async () => (await active(grower))[0] !== before[0]);
    assert.match(
      String((await reasons(grower))[0]),
      /^The host's disk has \d+ MB free, and \d+ MB are kept for the platform: this instance grew most, by \d+ MB in \d+ s, and is ended$/,
    );
    assert.deepEqual(await active(still), other);
    assert.deepEqual(await reasons(still), []);
  });
});

/** The hands on this machine, as if its disk had 2,000 MB and so many of them free above the largest reserve of 100. */
async function smallDisk(free: number): Promise<HostHands> {
  const freeNow = async () => (await testHands.disks()).find(({ holds }) => holds === 'engine')?.space?.freeBytes ?? 0;
  const start = await freeNow();
  const space = async () => ({
    ...{ totalBytes: 2000 * megabyte, freeFiles: 0, totalFiles: 0 },
    freeBytes: free * megabyte - (start - (await freeNow())),
  });
  const disks = async () => [{ holds: 'engine' as const, path: '/', space: await space() }];
  return { ...testHands, disks };
}
