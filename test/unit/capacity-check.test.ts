import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capacityCheck } from '../../src/orchestrator/capacity-check.ts';
import { aHost } from '../support/hosts.ts';

const gb = 2 ** 30;
const settings = { overcommit: 1.5, lowMemoryPercent: 10 };
const host = aHost({ cloudlets: 160, promisable: 240, deployReserve: 12 });
const load = (freeGb: number) =>
  ({ averages: [0, 0, 0], cpus: 2, freeMemoryBytes: freeGb * gb, memoryBytes: 24 * gb }) as const;
const words = 'promised (160 × overcommit 1.5, 12 kept for deploys)';

test('doctor says what is promised, used and free on a host', () => {
  assert.deepEqual(capacityCheck({ host, promised: 40 }, load(21), settings), {
    name: 'capacity',
    state: 'ok',
    message: `cloudlets: 40 of 240 ${words}; memory: 3.0 of 24.0 GB used, 21.0 GB free`,
    fix: null,
  });
  assert.equal(
    capacityCheck({ host, promised: 40 }, null, settings).message,
    `cloudlets: 40 of 240 ${words}; memory: -`,
  );
});

test('doctor warns when nothing new has room, and when memory is low', () => {
  assert.equal(capacityCheck({ host, promised: 227 }, load(21), settings).state, 'ok');
  const full = capacityCheck({ host, promised: 228 }, load(21), settings);
  assert.deepEqual(
    [full.state, full.fix],
    ['warning', 'There is no room for new instances. Scale apps down, or raise PAAS_OVERCOMMIT.'],
  );
  const low = capacityCheck({ host, promised: 40 }, load(2), settings);
  assert.equal(low.state, 'warning');
  assert.match(low.message, /22\.0 of 24\.0 GB used, 2\.0 GB free \(8 %\)$/);
  assert.match(low.fix ?? '', /^Below 10 % free, apps above their reserve are restarted\./);
  assert.equal(capacityCheck({ host, promised: 40 }, load(2), { ...settings, lowMemoryPercent: 0 }).state, 'ok');
});
