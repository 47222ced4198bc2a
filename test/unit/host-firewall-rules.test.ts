import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bridgePrefix, newBridgeName } from '../../src/domain/bridges.ts';
import { chainsOf, protectedNameServers, restoreInput } from '../../src/host/firewall-rules.ts';

describe('the firewall’s rules', () => {
  test("have names within the kernel's limit that differ between platforms", () => {
    const one = chainsOf('3f2b6c1e-1111-4222-8333-444455556666');
    const other = chainsOf('another');
    assert.ok(one.input.length <= 28 && one.forward.length <= 28);
    assert.notEqual(one.input, other.input);
    assert.notEqual(one.bridges, other.bridges);
    const bridge = newBridgeName('another');
    assert.match(bridge, /^[a-z0-9]{15}$/);
    assert.ok(bridge.startsWith(bridgePrefix('another')));
    assert.notEqual(newBridgeName('another'), bridge);
  });

  test('let answers and queries to the listed name servers through, and nothing else', () => {
    const chains = { input: 'IN', forward: 'FWD', bridges: 'pb+' };
    assert.deepEqual(restoreInput(chains, ['10.0.0.5']).split('\n'), [
      '*filter',
      ':IN - [0:0]',
      ':FWD - [0:0]',
      '-A IN -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN',
      '-A IN -d 10.0.0.5 -p udp --dport 53 -j RETURN',
      '-A IN -d 10.0.0.5 -p tcp --dport 53 -j RETURN',
      '-A IN -j DROP',
      '-A FWD -d 10.0.0.5 -p udp --dport 53 -j RETURN',
      '-A FWD -d 10.0.0.5 -p tcp --dport 53 -j RETURN',
      '-A FWD -d 169.254.0.0/16 -j DROP',
      'COMMIT',
      '',
    ]);
  });

  test('list only name servers that they would otherwise block', () => {
    const file = `# comment
nameserver 127.0.0.53
nameserver 9.9.9.9
  nameserver 169.254.169.253
nameserver 10.0.0.5
nameserver fe80::1
options ndots:1
`;
    assert.deepEqual(protectedNameServers(file, new Set(['10.0.0.5', '9.9.9.8'])), ['169.254.169.253', '10.0.0.5']);
    assert.deepEqual(protectedNameServers('', new Set()), []);
  });
});
