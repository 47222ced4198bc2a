import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/system/clock.ts';
import { type Logger, silentLogger } from '../../src/system/logger.ts';
import { Recurring } from '../../src/system/recurring.ts';
import { eventually } from '../support/eventually.ts';

describe('recurring work', () => {
  it('goes on after failures, reports them once, and never runs twice at once', async () => {
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
    let times = 0;
    let atOnce = 0;
    let most = 0;
    const work = async () => {
      times += 1;
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce -= 1;
      if (times <= 3 || times === 6) throw new Error('not yet');
    };
    const recurring = new Recurring({ what: 'count', everyMs: 1, work, clock: systemClock, logger });
    await recurring.start();
    assert.equal(times, 1, 'the first time was waited for');
    await eventually('it was done eight times', () => times >= 8);
    await recurring.close();
    const atClose = times;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(times, atClose);
    assert.equal(most, 1);
    assert.deepEqual(warnings, ['could not count; trying again', 'could not count; trying again']);
  });

  it('aborts the running work when it is closed, and waits for its end', async () => {
    let ended = false;
    let calls = 0;
    const work = async (signal: AbortSignal) => {
      calls += 1;
      if (calls === 1) return;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      ended = true;
      throw new Error('aborted');
    };
    const recurring = new Recurring({ what: 'wait', everyMs: 1, work, clock: systemClock, logger: silentLogger });
    await recurring.start();
    await eventually('it works', () => calls === 2);
    await recurring.close();
    assert.ok(ended);
  });
});
