import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { freePercent, furthestAbove, isMemoryLow } from '../../src/cluster/low-memory.ts';
import { lowMemoryReason } from '../../src/provisioner/memory-guard.ts';
import { type Changes, upInstance } from '../support/instances.ts';

const mb = 1024 * 1024;
const cloudletBytes = 128 * mb;
const using = (usedMb: number, changes: Changes = {}) => ({
  instance: upInstance(new Date(0), { size: { reserved: 1, limit: 4 }, ...changes }),
  usedBytes: usedMb * mb,
});

describe('low memory', () => {
  it('is below the share that is to be free', () => {
    const host = (freeMemoryBytes: number) => ({ freeMemoryBytes, memoryBytes: 1000 });
    assert.deepEqual(
      [99, 100, 101].map((free) => isMemoryLow(host(free), 10)),
      [true, false, false],
    );
    assert.equal(isMemoryLow(host(0), 0), false, '0 switches it off');
    assert.equal(isMemoryLow(host(999), 100), true);
    assert.equal(freePercent(host(69)), 6);
  });

  it('ends the instance with the most bytes above its reserve, and none within it', () => {
    const large = using(900, { size: { reserved: 8, limit: 8 } });
    const [small, middle] = [using(129), using(300)];
    assert.equal(furthestAbove([large, small, middle], cloudletBytes)?.instance, middle.instance);
    assert.equal(furthestAbove([large, small], cloudletBytes)?.aboveBytes, mb);
    assert.equal(furthestAbove([large, using(128), using(0)], cloudletBytes), null);
    assert.equal(furthestAbove([], cloudletBytes), null);
    const [older, newer] = [using(200, { slot: 1 }), using(200, { slot: 2 })];
    assert.ok(newer.instance.seq > older.instance.seq);
    assert.equal(furthestAbove([older, newer], cloudletBytes)?.instance, newer.instance);
  });

  it('is explained with the numbers and the command that reserves more', () => {
    const facts = { freePercent: 6, quantity: 2, cloudletBytes };
    const says = (usedMb: number, changes?: Changes) => {
      const chosen = furthestAbove([using(usedMb, changes)], cloudletBytes);
      assert.ok(chosen);
      return lowMemoryReason(chosen, facts);
    };
    assert.equal(
      says(410, { type: 'web', slot: 1, size: { reserved: 1, limit: 8 } }),
      'Host memory was low (6 % free): web.1 used 410 MB, 282 MB above its reserved 128 MB; restarted. To reserve more: paas ps:scale web=2:4-8',
    );
    assert.match(
      says(400, { type: 'run', slot: 1234 }),
      /run\.1234 used 400 MB.*; ended\. To reserve more: paas run --size 4$/,
    );
  });
});
