import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bridgePrefix, newBridgeName } from '../../src/domain/bridges.ts';
import { type LimitFacts, limitRules } from '../../src/host/connection-limits.ts';
import { blockedNameServers, chainsOf, restoreInput } from '../../src/host/firewall-rules.ts';

const chains = { input: 'IN', forward: 'FWD', steps: 'STP', deny: 'NET', limit: 'LIM', bucket: 'bk', bridges: 'pb+' };

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
    const facts = {
      nameServers: ['10.0.0.5'],
      seesBridged: true,
      denied: ['10.0.0.0/8', 'fd00::/8'],
      exceptions: [{ subnet: '10.210.0.64/26', network: '10.0.5.0/24' }],
    };
    assert.deepEqual(restoreInput(chains, facts).split('\n'), [
      '*filter',
      ':IN - [0:0]',
      ':FWD - [0:0]',
      ':STP - [0:0]',
      ':NET - [0:0]',
      '-A NET -s 10.210.0.64/26 -d 10.0.5.0/24 -j RETURN',
      '-A NET -d 10.0.0.0/8 -j REJECT --reject-with icmp-admin-prohibited',
      '-A IN -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN',
      '-A IN -d 10.0.0.5 -p udp --dport 53 -j LIM',
      '-A IN -d 10.0.0.5 -p udp --dport 53 -j RETURN',
      '-A IN -d 10.0.0.5 -p tcp --dport 53 -j LIM',
      '-A IN -d 10.0.0.5 -p tcp --dport 53 -j RETURN',
      '-A IN -j DROP',
      '-A FWD -d 10.0.0.5 -p udp --dport 53 -j LIM',
      '-A FWD -d 10.0.0.5 -p udp --dport 53 -j RETURN',
      '-A FWD -d 10.0.0.5 -p tcp --dport 53 -j LIM',
      '-A FWD -d 10.0.0.5 -p tcp --dport 53 -j RETURN',
      '-A FWD -d 169.254.0.0/16 -j DROP',
      '-A FWD -m physdev --physdev-is-bridged -j LIM',
      '-A FWD -m physdev --physdev-is-bridged -j RETURN',
      '-A FWD -o pb+ -j DROP',
      '-A FWD -j NET',
      '-A FWD -j LIM',
      '-A STP -d 10.0.0.5 -p udp --dport 53 -j RETURN',
      '-A STP -d 10.0.0.5 -p tcp --dport 53 -j RETURN',
      '-A STP -d 169.254.0.0/16 -j DROP',
      'COMMIT',
      '',
    ]);
    assert.doesNotMatch(restoreInput(chains, { ...facts, seesBridged: false }), /physdev/);
  });

  test('limit what a setting limits and the kernel can, the rate before the count', () => {
    const limits = { open: 4096, newPerSecond: 200, queriesPerSecond: 100 };
    const rulesOf = (changes: Partial<LimitFacts>) =>
      limitRules(chains, { limits, tableSize: 262_144, matches: ['hashlimit', 'connlimit'], ...changes });
    const targets = (rules: readonly string[]) =>
      rules.map((rule) => / --hashlimit-name (\w+) /.exec(rule)?.[1] ?? / -j (\w+)/.exec(rule)?.[1]);
    assert.deepEqual(targets(rulesOf({})), ['RETURN', 'bkdns', 'bknew', 'bknew', 'bkall', 'REJECT']);
    assert.deepEqual(targets(rulesOf({ matches: ['connlimit'] })), ['RETURN', 'REJECT']);
    assert.deepEqual(targets(rulesOf({ limits: { ...limits, queriesPerSecond: 0 }, tableSize: null })), [
      'RETURN',
      'bknew',
      'REJECT',
    ]);
    const none = { open: 0, newPerSecond: 0, queriesPerSecond: 0 };
    assert.deepEqual(targets(rulesOf({ limits: none })), ['RETURN']);
    assert.ok(
      rulesOf({}).some((rule) => rule.includes('--hashlimit-above 1092/sec')),
      'half of the table in 120 s',
    );
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
    const blocked = { addresses: new Set(['10.0.0.5', '9.9.9.8']), denied: [] };
    assert.deepEqual(blockedNameServers(file, blocked), ['169.254.169.253', '10.0.0.5']);
    assert.deepEqual(blockedNameServers(file, { ...blocked, denied: ['9.0.0.0/8', 'fe80::/10'] }), [
      ...['9.9.9.9', '169.254.169.253', '10.0.0.5'],
    ]);
    assert.deepEqual(blockedNameServers('', blocked), []);
  });
});
