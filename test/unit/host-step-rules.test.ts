import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localAddress, stepGroups } from '../../src/host/step-ports.ts';
import { restoreSteps, stepChains } from '../../src/host/step-rules.ts';

const facts = { platformId: 'one', closeMetadata: true, nameServers: ['10.0.0.2'] };

/** The rules of one chain, in their order and without its name. */
function rulesOf(chain: string, text: string): readonly string[] {
  const beginning = `-A ${chain} `;
  return text.split('\n').flatMap((line) => (line.startsWith(beginning) ? [line.slice(beginning.length)] : []));
}

test('steps reach name servers and what lies beyond the host, with their own address only', () => {
  const { source, input, from, to } = stepChains('one');
  const text = restoreSteps(facts, ['eth0', 'wg0']);
  assert.deepEqual(rulesOf(source, text), ['-m rpfilter --invert -j DROP']);
  const verdicts = (chain: string) => rulesOf(chain, text).filter((rule) => !/(^| )-j PAAS-(LIM|NET)-/.test(rule));
  assert.deepEqual(verdicts(input), [
    '-d 10.0.0.2 -p udp --dport 53 -j RETURN',
    '-d 10.0.0.2 -p tcp --dport 53 -j RETURN',
    '-j DROP',
  ]);
  assert.deepEqual(verdicts(from), [
    '-d 10.0.0.2 -p udp --dport 53 -j ACCEPT',
    '-d 10.0.0.2 -p tcp --dport 53 -j ACCEPT',
    '-d 169.254.0.0/16 -j DROP',
    '-o eth0 -j ACCEPT',
    '-o wg0 -j ACCEPT',
    '-j DROP',
  ]);
  const denial = rulesOf(from, text).findIndex((rule) => rule.startsWith('-j PAAS-NET-'));
  assert.ok(denial >= 0 && denial < rulesOf(from, text).indexOf('-o eth0 -j ACCEPT'), 'networks are denied first');
  assert.equal(rulesOf(to, text).at(-1), '-j DROP');
  assert.ok(!restoreSteps({ ...facts, closeMetadata: false }, []).includes('169.254'));
});

test('names of chains fit into the kernel, and differ between platforms', () => {
  const [one, two] = [Object.values(stepChains('one')), Object.values(stepChains('two'))];
  assert.equal(new Set([...one, ...two]).size, 8);
  for (const name of one) assert.ok(name.length <= 28, name);
});

test("a step's address is the local one in its routing table", () => {
  const trie = [
    'Local:',
    '  +-- 0.0.0.0/0 3 0 5',
    '     |-- 0.0.0.0',
    '        /0 universe UNICAST',
    '     +-- 127.0.0.0/8 2 0 2',
    '           |-- 127.0.0.1',
    '              /32 host LOCAL',
    '     +-- 172.17.0.0/16 2 0 2',
    '           |-- 172.17.0.0',
    '              /16 link UNICAST',
    '           |-- 172.17.0.3',
    '              /32 host LOCAL',
    '           |-- 172.17.255.255',
    '              /32 link BROADCAST',
  ].join('\n');
  assert.equal(localAddress(trie), '172.17.0.3');
  assert.equal(localAddress(''), null);
});

test("BuildKit's control groups are found with either driver and in both versions", () => {
  const engine = { isHere: true, dataRoot: '/', memoryBytes: 1, bridge: null } as const;
  const own = stepGroups({ ...engine, cgroupVersion: 1, cgroupDriver: 'cgroupfs' }, '/cg');
  assert.equal(own.folder, '/cg/pids/docker/buildkit');
  assert.ok(own.isStep('mysrbdbnkbjyzfpqkm0d15vas') && !own.isStep('cgroup.procs'));
  const systemd = stepGroups({ ...engine, cgroupVersion: 2, cgroupDriver: 'systemd' }, '/cg');
  assert.equal(systemd.folder, '/cg/system.slice');
  assert.ok(systemd.isStep('system.slice:docker:mysrb') && !systemd.isStep('docker-0a.scope'));
});
