import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { promisesOf } from '../../src/cluster/capacity.ts';
import { place } from '../../src/cluster/placement.ts';
import { errorCode } from '../../src/domain/errors.ts';
import type { Host } from '../../src/domain/host.ts';
import { aHost } from '../support/hosts.ts';

const load = (name: string, cloudlets: number, promised = 0, changes: Partial<Host> = {}) => ({
  host: aHost({ id: name, name, cloudlets, ...changes }),
  promised,
});
const ids = (hosts: readonly Host[]) => hosts.map(({ id }) => id);
const times = (count: number, size: number) => Array.from({ length: count }, () => size);

describe('placement', () => {
  it('takes the host with the most room', () => {
    assert.deepEqual(ids(place([load('small', 10), load('large', 100, 80)], [4, 4])), ['large', 'large']);
  });

  it('uses several hosts for what does not fit on one', () => {
    const chosen = ids(place([load('a', 16), load('b', 16), load('c', 16, 8)], times(10, 4)));
    assert.deepEqual(
      ['a', 'b', 'c'].map((host) => chosen.filter((id) => id === host).length),
      [4, 4, 2],
    );
  });

  it('spreads even what fits on one host', () => {
    const chosen = ids(place([load('a', 100), load('b', 100), load('c', 100)], times(6, 4)));
    assert.deepEqual(chosen, ['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('fills hosts up when spreading leaves no room for the last instance', () => {
    assert.deepEqual(ids(place([load('a', 6), load('b', 4)], [3, 4, 3])), ['a', 'b', 'a']);
  });

  it('returns the hosts in the order of the requested sizes', () => {
    assert.deepEqual(ids(place([load('a', 2), load('b', 8)], [2, 8])), ['a', 'b']);
  });

  it('leaves out hosts that take no instances', () => {
    const others = [
      load('infra', 90, 0, { role: 'infra' }),
      load('away', 90, 0, { state: 'unreachable' }),
      load('resting', 90, 0, { state: 'maintenance' }),
    ];
    assert.deepEqual(ids(place([...others, load('a', 10)], [4])), ['a']);
  });

  it('refuses all when one instance has no room, with each host’s numbers and how many fit', () => {
    const hosts = [load('one', 10, 8), load('two', 9), load('three', 100, 0, { state: 'maintenance' })];
    assert.throws(() => place(hosts, times(3, 4)), {
      code: 'no_capacity',
      message:
        'No room: host one has 2 of 10 cloudlets free (8 are promised), host two has 9 of 9 cloudlets free (0 are promised), host three is in maintenance, and 3 × 4 = 12 are needed: 2 of 3 fit.',
    });
    assert.throws(() => place([load('small', 4, 9)], [4, 4, 8]), {
      message:
        'No room: host small has 0 of 4 cloudlets free (9 are promised), and 2 × 4 + 1 × 8 = 16 are needed: 0 of 3 fit.',
    });
    assert.throws(() => place([], [4]), {
      message: /^No room: no host is known, and 1 × 4 = 4 are needed: 0 of 1 fit\.$/,
    });
  });

  it('promises more than a host has, and keeps a part of it for replacements', () => {
    const busy = [load('busy', 40, 55, { promisable: 60, deployReserve: 3 })];
    assert.deepEqual(ids(place(busy, [2])), ['busy']);
    assert.throws(() => place(busy, [3]), {
      code: 'no_capacity',
      message:
        'No room: host busy has 2 of 60 cloudlets free (40 × overcommit 1.5, 55 are promised, 3 are kept for deploys), and 1 × 3 = 3 are needed: 0 of 1 fit.',
      hint: /PAAS_OVERCOMMIT/,
    });
    assert.deepEqual(ids(place(busy, [5], { admission: 'replacement' })), ['busy']);
    assert.throws(
      () => place(busy, [6], { admission: 'replacement' }),
      /5 of 60 cloudlets free \(40 × overcommit 1.5, 55 are promised\)/,
    );
  });

  it('places a replacement that fits nowhere on the host that is least full, if any takes instances', () => {
    const full = [load('a', 10, 30), load('b', 10, 20), load('resting', 90, 0, { state: 'maintenance' })];
    assert.deepEqual(ids(place(full, [4, 8], { admission: 'anyway' })), ['b', 'b']);
    assert.throws(() => place(full.slice(2), [1], { admission: 'anyway' }), /host resting is in maintenance/);
  });

  it('promises what its settings allow, in whole cloudlets', () => {
    const terms = { overcommit: 1.5, deployReservePercent: 5 };
    assert.deepEqual(promisesOf(168, terms), { promisable: 252, deployReserve: 12 });
    assert.deepEqual(promisesOf(1, terms), { promisable: 1, deployReserve: 0 });
    assert.deepEqual(promisesOf(0, terms), { promisable: 0, deployReserve: 0 });
    assert.deepEqual(promisesOf(40, { overcommit: 1, deployReservePercent: 0 }), { promisable: 40, deployReserve: 0 });
  });

  it('never uses more than a host has, and places all that fit when all have one size', () => {
    const anyHosts = fc.array(fc.record({ cloudlets: fc.nat(40), used: fc.nat(40) }), { maxLength: 6 });
    fc.assert(
      fc.property(
        anyHosts,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 }),
        (hosts, sizes) => {
          const loads = hosts.map(({ cloudlets, used }, index) => load(`h${index}`, cloudlets, used));
          const room = (size: number) =>
            loads.reduce(
              (sum, { host, promised: used }) => sum + Math.floor(Math.max(0, host.cloudlets - used) / size),
              0,
            );
          let chosen: readonly Host[];
          try {
            chosen = place(loads, sizes);
          } catch (error) {
            assert.equal(errorCode(error), 'no_capacity');
            const isOneSize = sizes.every((size) => size === sizes[0]);
            if (isOneSize) assert.ok(room(sizes[0] ?? 1) < sizes.length, 'it would have fitted');
            return;
          }
          for (const { host, promised: used } of loads) {
            const promised = sizes
              .filter((_, index) => chosen[index]?.id === host.id)
              .reduce((sum, size) => sum + size, 0);
            assert.ok(promised === 0 || used + promised <= host.cloudlets, `${host.id} has no room for ${promised}`);
          }
        },
      ),
    );
  });
});
