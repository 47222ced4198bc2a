import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { NetworkState } from '../../src/domain/networks.ts';
import { parseBlock } from '../../src/domain/subnets.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { scaled } from '../support/deadline.ts';
import { EngineFixture, inNetwork } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { FarHost, listener } from '../support/far-host.ts';
import { openRules } from '../support/firewall-rules.ts';
import { testHands } from '../support/hands.ts';

const run = promisify(execFile);
const limits = { open: 60, newPerSecond: 10, queriesPerSecond: 4 } as const;
/** What each app may open at once: the rule's burst of five seconds, and some seconds of a slow machine. */
const most = { connections: 5 * limits.newPerSecond + 60, queries: 5 * limits.queriesPerSecond + 30 } as const;
const tries = 600;

/** Sends one datagram from each of many sockets, and says so. */
const flows = (address: string, port: number) =>
  `use Socket; for (1..${tries}) { socket(my $s, PF_INET, SOCK_DGRAM, 17) or die; push @s, $s;
    send($s, "x", 0, sockaddr_in(${port}, inet_aton("${address}"))); } print "sent\\n";`;
const pings = (address: string) =>
  `use Socket; for (1..${tries}) { socket(my $s, PF_INET, SOCK_DGRAM, 1) or die $!; push @s, $s;
    send($s, pack("CCnnn", 8, 0, 0, $_, 1), 0, sockaddr_in(0, inet_aton("${address}"))); } print "sent\\n";`;
/** Begins many connections without waiting for an answer. */
const connections = (address: string, port: number) =>
  `use Socket; use Fcntl; for (1..${tries}) { socket(my $s, PF_INET, SOCK_STREAM, 6) or die; push @s, $s;
    fcntl($s, F_SETFL, O_NONBLOCK); connect($s, sockaddr_in(${port}, inet_aton("${address}"))); } print "sent\\n";`;
/** Sends many datagrams from one socket. */
const stream = (address: string, port: number) =>
  `use Socket; socket(my $s, PF_INET, SOCK_DGRAM, 17) or die;
    for (1..${tries}) { send($s, "x", 0, sockaddr_in(${port}, inet_aton("${address}"))); } print "sent\\n";`;

describe('the connections of an app', {
  skip: isRoot() ? false : 'needs root, as the firewall itself',
  timeout: scaled(120_000),
}, () => {
  let fixture: EngineFixture;
  let flooding: NetworkState;
  let neighbour: NetworkState;
  let far: FarHost;

  before(async () => {
    fixture = await EngineFixture.create();
    const pool = { labels: fixture.labels, pool: '10.215.0.0/16', prefixLength: 26 };
    flooding = await fixture.engine.networks.create({ name: `${fixture.runId}-flood`, ...pool });
    neighbour = await fixture.engine.networks.create({ name: `${fixture.runId}-near`, ...pool });
    far = await FarHost.create();
    const rules = { platformId: fixture.runId, hasNetworks: true, closeMetadata: false, ...openRules, limits };
    assert.deepEqual(await testHands.applyFirewall(rules), { applied: true, gaps: [] });
  });
  after(async () => {
    await testHands.removeFirewall(fixture.runId);
    await far[Symbol.asyncDispose]();
    await fixture[Symbol.asyncDispose]();
  });

  const reach = () =>
    `use Socket; socket(S, PF_INET, SOCK_STREAM, 6); connect(S, sockaddr_in(5000, inet_aton("${far.address}"))) or die $!; print <S>;`;
  const inside = async (script: string, network: NetworkState) => {
    const spec = { command: ['perl', '-e', script], ...inNetwork(network) };
    return (await fixture.run('', spec)).stdout.trim();
  };
  const udpArrived = async () => {
    const { stdout } = await run('nsenter', ['--target', String(far.pid), '--net', '--', 'cat', '/proc/net/snmp']);
    return Number(/^Udp: \d+ (\d+)/m.exec(stdout)?.[1] ?? assert.fail(stdout));
  };

  test('are limited per second, for every protocol and for DNS, and a neighbour and the host are not', async () => {
    for (const [what, script, limit] of [
      ['UDP', flows(far.address, 9), most.connections],
      ['TCP', connections(far.address, 5000), most.connections],
      ['ICMP', pings(far.address), most.connections],
      ['DNS', flows(far.address, 53), most.queries],
    ] as const) {
      const before = await entriesOf(flooding);
      assert.equal(await inside(script, flooding), 'sent');
      const made = (await entriesOf(flooding)) - before;
      assert.ok(made <= limit, `${what}: ${made} entries`);
      assert.equal(await inside(reach(), neighbour), 'far', `the neighbour while ${what} is limited`);
    }
    assert.ok((await entriesOf(flooding)) > 0, 'entries are seen');
  });

  test('are counted while they are open', async () => {
    await eventually(
      'it may open some again',
      async () =>
        (await inside(connections(far.address, 5000), neighbour)) === 'sent' &&
        (await entriesOf(neighbour)) > limits.open / 2,
    );
    assert.ok((await entriesOf(neighbour)) <= limits.open + most.connections);
  });

  test('carry a stream of datagrams at any rate', async () => {
    const before = await udpArrived();
    assert.equal(await inside(stream(far.address, 9), neighbour), 'sent');
    await eventually('the datagrams of one socket arrive', async () => (await udpArrived()) - before >= tries);
  });

  test('to the name server of the engine are limited in the container, which still finds names', async () => {
    const { engine } = fixture;
    const server = fixture.spec('exec perl -e "$SERVER"', {
      ...inNetwork(neighbour),
      env: { SERVER: listener('app') },
    });
    const id = await engine.containers.create(server);
    await engine.containers.start(id);
    assert.equal(await testHands.limitQueries([id], limits.queriesPerSecond), null);
    assert.equal(await testHands.limitQueries([id], limits.queriesPerSecond), null, 'again');
    // A query to a name of its own network: the engine answers it, and nothing leaves the host.
    const packet = `pack("n6",1,0x100,1,0,0,0).pack("C/a*","${server.name}")."\\0".pack("nn",1,1)`;
    const script = `use Socket; socket(S, PF_INET, SOCK_DGRAM, 17); connect(S, sockaddr_in(53, inet_aton("127.0.0.11")));
      for (1..${tries}) { send(S, ${packet}, 0); select(undef, undef, undef, 0.001); my $r = ""; vec($r, fileno(S), 1) = 1;
      while (select(my $x = $r, undef, undef, 0)) { recv(S, $b, 512, 0) // last; $n++ } } print "answers $n\n"`;
    const ask = { argv: ['perl', '-e', script], maxBytes: 1000 };
    const { stdout } = await engine.containers.runInside(id, ask, AbortSignal.timeout(scaled(30_000)));
    const answers = Number(/answers (\d+)/.exec(stdout)?.[1] ?? assert.fail(stdout));
    assert.ok(answers > 0 && answers <= most.queries, `${answers} answers`);
    const address = (await engine.containers.inspect(id))?.address ?? '';
    assert.ok(await answersOn(address), 'the host reaches it');
    await eventually('it reaches others', async () => {
      const call = { argv: ['perl', '-e', reach()], maxBytes: 1000 };
      return (await engine.containers.runInside(id, call, AbortSignal.timeout(scaled(30_000)))).stdout.trim() === 'far';
    });
    await engine.containers.remove(id);
  });

  test('that the host opens to it are not limited', async () => {
    const server = fixture.spec('exec perl -e "$SERVER"', { ...inNetwork(flooding), env: { SERVER: listener('app') } });
    const id = await fixture.engine.containers.create(server);
    await fixture.engine.containers.start(id);
    const address = (await fixture.engine.containers.inspect(id))?.address ?? '';
    await eventually('it listens', () => answersOn(address));
    for (let connection = 0; connection < 3 * most.connections; connection++) assert.ok(await answersOn(address));
    await fixture.engine.containers.remove(id);
  });
});

/** Entries in the host's table for connections from this network. */
async function entriesOf({ subnet }: NetworkState): Promise<number> {
  const block = parseBlock(subnet ?? '');
  const table = await readFile('/proc/net/nf_conntrack', 'utf8');
  const sources = [...table.matchAll(/^.*? src=([\d.]+) /gm)].map(
    ([, source]) => parseBlock(`${source}/32`)?.first ?? 0,
  );
  return sources.filter((source) => block && source >= block.first && source < block.first + block.size).length;
}

function answersOn(address: string): Promise<boolean> {
  const socket = connect(5000, address);
  return new Promise((resolve) => {
    socket
      .on('data', () => resolve(true))
      .on('error', () => resolve(false))
      .on('end', () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}
