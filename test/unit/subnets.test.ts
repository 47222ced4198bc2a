import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Block, formatAddress, formatBlock, freeBlock, parseBlock } from '../../src/domain/subnets.ts';
import { parseRoutes } from '../../src/host/routes.ts';

const pool = { range: '10.210.0.0/16', prefixLength: 26 };

function block(text: string): Block {
  const parsed = parseBlock(text);
  assert.ok(parsed, text);
  return parsed;
}

describe('choosing a subnet', () => {
  test('blocks are parsed and printed in CIDR form', () => {
    assert.deepEqual(parseBlock('10.210.3.64/26'), { first: 0x0ad20340, size: 64 });
    assert.equal(formatBlock(block('10.210.3.77/26')), '10.210.3.64/26');
    assert.equal(formatBlock(block('255.255.255.255/32')), '255.255.255.255/32');
    assert.equal(formatAddress(block('10.210.3.64/26').first + 1), '10.210.3.65');
    for (const wrong of ['', '10.0.0.0', '10.0.0.256/8', '10.0.0.0/33', 'fd00::/64', '10.0.0/8']) {
      assert.equal(parseBlock(wrong), null, wrong);
    }
  });

  test('a free block overlaps no taken one, wherever the search begins', () => {
    const someBlock = fc
      .record({ offset: fc.nat({ max: 65_535 }), prefix: fc.integer({ min: 20, max: 30 }) })
      .map(({ offset, prefix }) => block(`10.210.${offset >> 8}.${offset & 255}/${prefix}`));
    fc.assert(
      fc.property(fc.array(someBlock, { maxLength: 6 }), fc.nat(), (taken, seed) => {
        const free = freeBlock(pool, taken, seed);
        assert.equal(free.size, 64);
        assert.equal(free.first % 64, 0);
        assert.ok(free.first >= block(pool.range).first && free.first < block(pool.range).first + 65_536);
        for (const other of taken) {
          assert.ok(free.first + free.size <= other.first || other.first + other.size <= free.first);
        }
      }),
    );
  });

  test('two platforms begin their search at different blocks', () => {
    assert.notDeepEqual(freeBlock(pool, [], 1), freeBlock(pool, [], 2));
  });

  test('the last free block is found, and then the pool is used up', () => {
    const small = { range: '10.0.0.0/24', prefixLength: 26 };
    const taken = ['10.0.0.0/26', '10.0.0.64/26', '10.0.0.192/26'].map(block);
    assert.equal(formatBlock(freeBlock(small, taken, 3)), '10.0.0.128/26');
    assert.throws(() => freeBlock(small, [...taken, block('10.0.0.130/32')], 0), {
      code: 'no_capacity',
      message: /10\.0\.0\.0\/24/,
    });
    assert.throws(() => freeBlock(small, [block('10.0.0.0/8')], 0), { code: 'no_capacity' });
  });

  test('an invalid pool is refused', () => {
    for (const range of ['10.0.0.0', '10.0.0.0/27', 'fd00::/8']) {
      assert.throws(() => freeBlock({ range, prefixLength: 26 }, [], 0), { code: 'invalid_params' }, range);
    }
    assert.throws(() => freeBlock({ range: '10.0.0.0/8', prefixLength: 31 }, [], 0), { code: 'invalid_params' });
  });

  test('routes of the host count as taken, but not the default route', () => {
    const table = [
      'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
      'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
      'docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
      'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
      'tun0\t0100000A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0',
      '',
    ].join('\n');
    assert.deepEqual(parseRoutes(table).map(formatBlock), ['172.17.0.0/16', '192.0.2.0/24', '10.0.0.1/32']);
    assert.deepEqual(parseRoutes('anything else'), []);
  });
});
