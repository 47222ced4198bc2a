import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PushLine } from '../../src/git-receive/push-line.ts';

const here = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the line of pushes to one app', () => {
  it('lets the first through at once, and tells the next to wait', async () => {
    const line = new PushLine();
    const said: string[] = [];
    const leave = await line.take('app', { signal: here, onWait: () => said.push('first waits') });
    const second = line.take('app', { signal: here, onWait: () => said.push('second waits') });
    await settled();
    assert.deepEqual(said, ['second waits']);
    leave();
    (await second)();
    const again = await line.take('app', { signal: here, onWait: () => said.push('again waits') });
    again();
    assert.deepEqual(said, ['second waits']);
  });

  it('keeps the order of asking, and apps apart', async () => {
    const line = new PushLine();
    const order: number[] = [];
    const leave = await line.take('app', { signal: here, onWait: () => {} });
    const waiting = [1, 2, 3, 4, 5].map(async (number) => {
      const done = await line.take('app', { signal: here, onWait: () => {} });
      order.push(number);
      await settled();
      assert.equal(order.at(-1), number, 'nobody came in between');
      done();
    });
    (await line.take('other', { signal: here, onWait: () => assert.fail('another app waits') }))();
    leave();
    await Promise.all(waiting);
    assert.deepEqual(order, [1, 2, 3, 4, 5]);
  });

  it('forgets at once who goes away while waiting, and passes the turn on', async () => {
    const line = new PushLine();
    const leave = await line.take('app', { signal: here, onWait: () => {} });
    const impatient = new AbortController();
    const gone = line.take('app', { signal: impatient.signal, onWait: () => {} });
    const patient = line.take('app', { signal: here, onWait: () => {} });
    impatient.abort(new Error('gone'));
    await assert.rejects(gone, /gone/);
    leave();
    (await patient)();
  });

  it('does not give the turn to somebody who goes away as it comes', async () => {
    const line = new PushLine();
    const leave = await line.take('app', { signal: here, onWait: () => {} });
    const unlucky = new AbortController();
    const gone = line.take('app', { signal: unlucky.signal, onWait: () => {} });
    const next = line.take('app', { signal: here, onWait: () => {} });
    leave();
    unlucky.abort(new Error('gone'));
    await assert.rejects(gone, /gone/);
    (await next)();
    await assert.rejects(line.take('app', { signal: unlucky.signal, onWait: () => {} }), /gone/);
    (await line.take('app', { signal: here, onWait: () => assert.fail('somebody is still in line') }))();
  });

  it('may be left twice', async () => {
    const line = new PushLine();
    const first = await line.take('app', { signal: here, onWait: () => {} });
    const second = line.take('app', { signal: here, onWait: () => {} });
    first();
    first();
    const third = line.take('app', { signal: here, onWait: () => {} });
    const leaveSecond = await second;
    first();
    let isThird = false;
    const arrived = third.then((leave) => {
      isThird = true;
      leave();
    });
    await settled();
    assert.equal(isThird, false);
    leaveSecond();
    await arrived;
  });
});
