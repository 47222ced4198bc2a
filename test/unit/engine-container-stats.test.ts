import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toContainerStats, type WireStats } from '../../src/engine/container-stats.ts';

/** The answer of Docker 28 on cgroup v2, without the fields that we do not read. */
const second: WireStats = {
  read: '2026-11-29T13:14:18.471383299Z',
  pids_stats: { current: 7 },
  blkio_stats: {
    io_service_bytes_recursive: [
      { op: 'read', value: 100 },
      { op: 'write', value: 20 },
      { op: 'read', value: 3 },
    ],
  },
  cpu_stats: { cpu_usage: { total_usage: 5_000_000 }, throttling_data: { throttled_time: 4000 } },
  memory_stats: { usage: 1000, limit: 5000, stats: { inactive_file: 300, active_file: 100 } },
  networks: { eth0: { rx_bytes: 10, tx_bytes: 1 }, eth1: { rx_bytes: 20, tx_bytes: 2 } },
};

test('cgroup v2: memory without the inactive cache, sums over interfaces and devices', () => {
  assert.deepEqual(toContainerStats(second), {
    at: new Date('2026-11-29T13:14:18.471Z'),
    cpu: { usedNs: 5_000_000, throttledNs: 4000 },
    memory: { usedBytes: 700, limitBytes: 5000 },
    network: { receivedBytes: 30, sentBytes: 3 },
    blockIo: { readBytes: 103, writtenBytes: 20 },
    pids: 7,
  });
});

test('cgroup v1: other names for the cache and the directions', () => {
  const first = toContainerStats({
    ...second,
    blkio_stats: {
      io_service_bytes_recursive: [
        { op: 'Read', value: 5 },
        { op: 'Write', value: 6 },
        { op: 'Sync', value: 11 },
        { op: 'Total', value: 11 },
      ],
    },
    memory_stats: { usage: 1000, limit: 5000, stats: { total_inactive_file: 400, inactive_file: 1 } },
  });
  assert.deepEqual(first?.blockIo, { readBytes: 5, writtenBytes: 6 });
  assert.equal(first?.memory.usedBytes, 600);
});

test('a container without a network or a disk has zeros, and a stopped one has no figures', () => {
  const bare = toContainerStats({ read: second.read, pids_stats: { current: 1 } });
  assert.deepEqual(bare?.network, { receivedBytes: 0, sentBytes: 0 });
  assert.deepEqual(bare?.blockIo, { readBytes: 0, writtenBytes: 0 });
  assert.equal(toContainerStats({ read: '0001-01-01T00:00:00Z', pids_stats: {} }), null);
});
