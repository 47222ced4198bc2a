import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clientOf } from '../../src/api/client-address.ts';
import { FairShare } from '../../src/system/fair-share.ts';
import { MinimumRate } from '../../src/system/minimum-rate.ts';

describe('a minimum rate', () => {
  const floor = { bytesPerSecond: 500, graceMs: 30_000, longestMs: 120_000 };

  /** The second in which it is broken, when `bytes(second)` have been moved until each second; null: never in an hour. */
  function brokenAt(bytes: (second: number) => number, isAwaited: (second: number) => boolean = () => true) {
    const rate = new MinimumRate(floor, 0, 0);
    for (let second = 1; second <= 3_600; second += 1) {
      const facts = { nowMs: second * 1000, bytes: bytes(second), isAwaited: isAwaited(second) };
      if (!rate.isMet(facts)) return second;
    }
    return null;
  }

  test('is kept by a slow line, in steps too, and by a peer that is not waited for', () => {
    assert.equal(
      brokenAt((second) => second * 2_000),
      null,
    );
    assert.equal(
      brokenAt((second) => second * 501),
      null,
    );
    assert.equal(
      brokenAt((second) => Math.floor(second / 20) * 40_000),
      null,
      'a burst every 20 s',
    );
    assert.equal(
      brokenAt(
        () => 0,
        () => false,
      ),
      null,
    );
    assert.equal(
      brokenAt(
        () => 0,
        (second) => second % 25 !== 0,
      ),
      null,
      'it has taken all every 25 s',
    );
  });

  test('is broken by silence, by drips, and by a stall that earlier bytes do not pay for', () => {
    assert.equal(
      brokenAt(() => 0),
      30,
    );
    assert.equal(
      brokenAt((second) => second),
      31,
    );
    assert.equal(
      brokenAt((second) => second * 250),
      60,
    );
    assert.equal(
      brokenAt((second) => Math.min(second, 10) * 1_000_000),
      130,
      'fast for 10 s, then silent',
    );
  });
});

describe('a fair share', () => {
  const takeAll = (share: FairShare, name: string) => {
    const given: (() => void)[] = [];
    for (let next = share.take(name); next; next = share.take(name)) given.push(next);
    return given;
  };

  test('leaves places free whatever one name or several take', () => {
    const share = new FairShare(1_024);
    assert.equal(takeAll(share, 'a').length, 512);
    assert.equal(takeAll(share, 'b').length, 256);
    assert.equal(takeAll(share, 'c').length, 128);
    assert.equal(share.take('a'), null);
    assert.ok(share.take('d'));
  });

  test('gives two thirds to one name with a generosity of two', () => {
    assert.equal(takeAll(new FairShare(96, 2), 'a').length, 64);
    assert.equal(takeAll(new FairShare(4, 2), 'a').length, 3);
  });

  test('gives places that were given back, once each', () => {
    const share = new FairShare(4);
    const [first, second] = takeAll(share, 'a');
    first?.();
    first?.();
    assert.equal(share.held('a'), 1);
    second?.();
    assert.equal(share.held('a'), 0);
    assert.equal(takeAll(share, 'b').length, 2);
  });

  test('gives a name its first place even when the others have nearly all', () => {
    const share = new FairShare(2);
    assert.ok(share.take('a'));
    assert.ok(share.take('b'));
    assert.equal(share.take('c'), null);
  });
});

describe("a request's client", () => {
  const client = (forwarded?: string) =>
    clientOf({ headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } });

  test('is the last hop, which the resolver wrote, and not what the client made up', () => {
    assert.equal(client('198.51.100.7'), '198.51.100.7');
    assert.equal(client('203.0.113.1, 198.51.100.7'), '198.51.100.7');
    assert.equal(client('::ffff:198.51.100.7'), '198.51.100.7');
    assert.equal(client('2001:db8:0:7::1'), client('2001:0DB8:0000:0007:ffff:0:0:9'));
    assert.notEqual(client('2001:db8:0:7::1'), client('2001:db8:0:8::1'));
  });

  test('is this machine without such a hop', () => {
    for (const forwarded of [undefined, '', 'unknown', '198.51.100.7, nobody', '_hidden'])
      assert.equal(client(forwarded), null);
  });
});
