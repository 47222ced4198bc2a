import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings } from '../../src/config/settings.ts';
import { readNetwork } from '../../src/system/network.ts';

test('a network is read in one form, and one with bits behind its prefix is refused with what it may mean', () => {
  const networkOf = (text: string) => {
    const read = readNetwork(text);
    return 'network' in read ? read.network : `must be ${read.mistake}`;
  };
  assert.equal(networkOf('10.0.0.0/8'), '10.0.0.0/8');
  assert.equal(networkOf('192.0.2.7'), '192.0.2.7/32');
  assert.equal(networkOf('0.0.0.0/0'), '0.0.0.0/0');
  assert.equal(networkOf('FD00:0:0::/8'), 'fd00::/8');
  assert.equal(networkOf('2001:db8::ffff:0:0/96'), '2001:db8::ffff:0:0/96');
  assert.equal(networkOf('::ffff:10.0.0.0/104'), '::ffff:a00:0/104');
  assert.equal(networkOf('10.0.5.1/24'), 'must be 10.0.5.0/24, or another prefix for 10.0.5.1');
  assert.equal(networkOf('fd00::1/64'), 'must be fd00::/64, or another prefix for fd00::1');
  for (const text of [
    '',
    '10.0.0.0/33',
    '10.0.0/8',
    '010.0.0.0/8',
    '10.0.0.0/-1',
    '10.0.0.0/8 ',
    'fe80::1%eth0',
    'x',
  ]) {
    assert.match(networkOf(text), /^must be a network such as 10\.0\.0\.0\/8/, text);
  }
});

test('PAAS_DENY_NETWORKS is checked strictly, and the error names the network that is wrong', () => {
  const read = (value: string) => readSettings({ PAAS_HOME: '/nonexistent', PAAS_DENY_NETWORKS: value });
  assert.deepEqual(read('10.0.0.0/8, fd00::/8,192.0.2.7').deniedNetworks, ['10.0.0.0/8', 'fd00::/8', '192.0.2.7/32']);
  assert.deepEqual(read('').deniedNetworks, []);
  assert.throws(() => read('10.0.0.0/8, 192.168.1.1/16'), {
    message:
      'PAAS_DENY_NETWORKS is "10.0.0.0/8, 192.168.1.1/16", and must be networks with commas between them: instead of 192.168.1.1/16, 192.168.0.0/16, or another prefix for 192.168.1.1.',
  });
});
