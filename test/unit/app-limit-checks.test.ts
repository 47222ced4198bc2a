import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBlock } from '../../src/domain/subnets.ts';
import { parseRoutes } from '../../src/host/routes.ts';
import { networkCheck } from '../../src/orchestrator/app-limit-checks.ts';

const blocks = (...texts: readonly string[]) => texts.map((text) => parseBlock(text) ?? assert.fail(text));

test('doctor lists the networks that apps reach, without those that are denied as a whole', () => {
  const networks = blocks('192.168.1.0/24', '10.8.0.0/16', '10.8.0.0/16');
  const messageOf = (denied: readonly string[]) => networkCheck(networks, denied).message;
  assert.equal(
    messageOf([]),
    'apps reach 192.168.1.0/24, 10.8.0.0/16, and what the default route leads to; PAAS_DENY_NETWORKS denies none',
  );
  assert.equal(
    messageOf(['10.0.0.0/8', 'fd00::/8', '192.168.1.128/25']),
    'apps reach 192.168.1.0/24, and what the default route leads to; denied: 10.0.0.0/8, fd00::/8, 192.168.1.128/25',
  );
  assert.match(messageOf(['0.0.0.0/0']), /^apps reach no network of this host/);
});

test('routes of some devices only', () => {
  const table = [
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT',
    'eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    'docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
  ].join('\n');
  assert.deepEqual(
    parseRoutes(table, (device) => device !== 'docker0'),
    blocks('192.168.1.0/24'),
  );
});
