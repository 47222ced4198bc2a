import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { releaseOf } from '../../src/domain/instance.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { createMemoryGuard } from '../../src/provisioner/memory-guard.ts';
import { eventLines } from '../../src/reporting/event-lines.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { eventsOf } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { testHands } from '../support/hands.ts';
import { answering, LowerHalf } from '../support/lower-half.ts';

const never = new AbortController().signal;

/** A web process that holds so much memory. */
function holding(marker: string, megabytes: number): string {
  const script = answering(marker).replace('use Socket;', 'use Socket; $held = chr(1) x ($ENV{HELD} << 20);');
  return `export HELD=${megabytes}; ${script}`;
}

describe('on a host whose memory is low', () => {
  let half: LowerHalf;
  before(async () => {
    half = await LowerHalf.start();
  });
  after(() => half[Symbol.asyncDispose]());

  /** A host is always low with 100 percent, and never with 0. */
  const guard = (lowMemoryPercent: number) =>
    createMemoryGuard({
      engines: half.engines,
      handsOn: () => testHands,
      store: half.deps.store,
      settings: { lowMemoryPercent, cloudletMemoryBytes: 64 * 1024 * 1024 },
      logger: silentLogger,
    });
  const deployed = async (name: string, megabytes: number) => {
    const app = await half.app(name);
    await rollOut(await half.release(app, { web: holding(name, megabytes) }), half.deps, never);
    return app;
  };
  const told = (app: App) => eventsOf(half.deps.store, app.id, 'instance.low_memory');
  const only = async (app: App) => {
    const active = await half.deps.store.instances.listActive(app.id);
    return active.length === 1 ? active[0] : undefined;
  };

  it('the instance furthest above its reserve is restarted, one at a time, and told why', async () => {
    const [hog, other, modest] = [
      await deployed('hog', 150),
      await deployed('other', 90),
      await deployed('modest', 10),
    ];
    const first = await only(hog);
    await guard(0)('local', never);
    assert.equal((await only(hog))?.desired, 'up', 'with enough memory nothing is restarted');
    const look = guard(100);
    await look('local', never);
    const requests = Promise.all(Array.from({ length: 5 }, () => half.get(hog)));
    await look('local', never);
    assert.equal((await told(other)).length, 0, 'no second one while the first one leaves');
    assert.deepEqual(new Set((await requests).map(({ body }) => body)), new Set(['hog']), 'requests wait for it');
    const second = await eventually('it is up again', async () => {
      const now = await only(hog);
      return now?.state === 'up' && now.id !== first?.id && now;
    });
    assert.equal(second.failures, 1);
    const [event] = await told(hog);
    assert.ok(event);
    assert.match(
      eventLines(event)
        .map(({ process, text }) => `${process}: ${text}`)
        .join(),
      /^web\.1: Host memory was low \(\d+ % free\): web\.1 used 15\d MB, \d+ MB above its reserved 64 MB; restarted\. To reserve more: paas ps:scale web=1:3-4$/,
    );
    await look('local', never);
    assert.equal((await told(hog)).length, 1, 'a round for the memory to settle');
    await look('local', never);
    await eventually('it waits before it returns once more', async () => {
      const now = await only(hog);
      return now?.state === 'placed' && now.failures === 2 && now.notBefore !== null;
    });
    await look('local', never);
    await look('local', never);
    await eventually('then the other one is restarted', async () => (await told(other)).length === 1);
    await eventually('it has returned', async () => (await only(other))?.state === 'up');
    assert.equal((await told(modest)).length, 0, 'never one within its reserve');
  });

  it('the new instances of a deploy are spared until the switch', async () => {
    const { operations } = half;
    const { store } = half.deps;
    const app = await deployed('deploying', 10);
    await operations.scale(app, [{ type: 'web', quantity: { set: 2 } }], half.actor);
    const release = await half.release(app, {
      web: `case $DYNO in web.2) exec sleep 600;; esac; ${holding('new', 200)}`,
    });
    const pusher = new AbortController();
    const rollingOut = rollOut(release, half.deps, pusher.signal);
    await eventually('the first new one is up', async () =>
      (await store.instances.listActive(app.id)).some(
        (one) => releaseOf(one) === release.id && one.slot === 1 && one.state === 'up',
      ),
    );
    await guard(100)('local', never);
    assert.equal((await told(app)).length, 0);
    pusher.abort();
    await assert.rejects(rollingOut, { code: 'cancelled' });
  });

  it('a one-off above its reserve is ended', async () => {
    const [app] = (await half.deps.store.apps.list()).filter(({ name }) => name === 'modest');
    assert.ok(app);
    const command = `export HELD=220; exec perl -e '$held = chr(1) x ($ENV{HELD} << 20); sleep 600'`;
    const run = await half.operations.run(app, { command, attach: false, tty: false, env: {} }, half.actor);
    const look = guard(100);
    await eventually(
      'it is chosen',
      async () => {
        await look('local', never);
        return (await told(app)).length === 1;
      },
      { everyMs: 200 },
    );
    // It may be chosen before it has taken all of its memory.
    assert.match(
      (await told(app))[0]?.data.reason ?? '',
      /^Host memory was low .*run\.\d+ used \d+ MB.*; ended\. To reserve more: paas run --size (2-4|3-4|4)$/,
    );
    const { store } = half.deps;
    const ended = await eventually('it ends', async () => {
      const now = await store.instances.find(run.id);
      return now?.state === 'stopped' && now;
    });
    assert.equal(ended.stopReason, 'low_memory');
  });
});
