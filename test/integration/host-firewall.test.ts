import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { NetworkState } from '../../src/domain/networks.ts';
import { engineOnHost } from '../../src/engine/engine-on-host.ts';
import { chainsOf } from '../../src/host/firewall-rules.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { scaled } from '../support/deadline.ts';
import { baseOf, Collected, dockerfileBuild } from '../support/dockerfile-build.ts';
import { EngineFixture, inNetwork } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { FarHost, listener } from '../support/far-host.ts';
import { firewallRules, openRules } from '../support/firewall-rules.ts';
import { testHands } from '../support/hands.ts';

const run = promisify(execFile);
describe('the host’s firewall', {
  skip: isRoot() ? false : 'needs root, as the firewall itself',
  timeout: scaled(120_000),
}, () => {
  let fixture: EngineFixture;
  let network: NetworkState;
  let far: FarHost;
  const hostServer = createServer((socket) => socket.end('host\n'));

  before(async () => {
    fixture = await EngineFixture.create();
    const pool = { pool: '10.214.0.0/16', prefixLength: 26 };
    network = await fixture.engine.networks.create({ name: `${fixture.runId}-fw`, labels: fixture.labels, ...pool });
    far = await FarHost.create();
    hostServer.listen(0, '0.0.0.0');
    await once(hostServer, 'listening');
  });
  after(async () => {
    hostServer.close();
    await testHands.removeFirewall(fixture.runId);
    await far[Symbol.asyncDispose]();
    await fixture[Symbol.asyncDispose]();
  });

  /** Writes the answer of an address, or nothing if there is none within 1 s. */
  const call = (address: string, port: number) =>
    `(exec 3<>/dev/tcp/${address}/${port} && cat <&3) 2>/dev/null & sleep 1; kill %1 2>/dev/null`;

  /** The answer of an address to a container of a network. */
  async function heard(address: string, port: number, to = network): Promise<string> {
    const { stdout } = await fixture.run('', { command: ['bash', '-c', call(address, port)], ...inNetwork(to) });
    return stdout.trim();
  }

  /** Waits for this answer. It is tried again, because 1 s may be too short on a busy machine. */
  const open = (word: string, hear: () => Promise<string>) =>
    eventually(`"${word}" is heard`, async () => (await hear()) === word);

  let steps = 0;
  /** The answer of an address on port 5000 to a step of a Dockerfile. */
  async function heardByStep(address: string): Promise<string> {
    // The number prevents a hit in the engine's build cache.
    const script = `echo heard:$(${call(address, 5000)}).; true ${fixture.runId} ${++steps}`;
    const dockerfile = `FROM ${baseOf(fixture)}\nRUN ["bash", "-c", "${script}"]\n`;
    const output = new Collected();
    const build = dockerfileBuild(fixture, { Dockerfile: dockerfile }, output);
    await fixture.engine.images.buildDockerfile(build, AbortSignal.timeout(scaled(60_000)));
    return /^heard:(.*)\.$/m.exec(output.text)?.[1] ?? assert.fail(output.text);
  }

  test('closes the host and link-local addresses to containers, and nothing else', async () => {
    const hostPort = (hostServer.address() as AddressInfo).port;
    const gateway = network.gateway ?? '';
    await open('host', () => heard(gateway, hostPort));
    await open('far', () => heard(far.metadata, 5000));

    const options = { platformId: fixture.runId, hasNetworks: true, closeMetadata: false, ...openRules };
    assert.deepEqual(await testHands.applyFirewall(options), { applied: true, gaps: [] });

    const [host, ownAddress, meta] = await Promise.all([
      heard(gateway, hostPort),
      heard(far.gateway, hostPort),
      heard(far.metadata, 5000),
      open('far', () => heard(far.address, 5000)),
    ]);
    assert.equal(host, '');
    assert.equal(ownAddress, '', 'the host’s other addresses are closed too');
    assert.equal(meta, '');

    const server = fixture.spec(`exec perl -e "$SERVER"`, { ...inNetwork(network), env: { SERVER: listener('app') } });
    const id = await fixture.engine.containers.create(server);
    await fixture.engine.containers.start(id);
    const address = (await fixture.engine.containers.inspect(id))?.address ?? '';
    await eventually('the host reaches the container', async () => (await fromHost(address)) === 'app');
    const lookup = `exec perl -MSocket -e 'print inet_ntoa(scalar gethostbyname("${server.name}"))'`;
    const { stdout } = await fixture.run(lookup, inNetwork(network));
    assert.equal(stdout.trim(), address, 'names are found');
    await fixture.engine.containers.remove(id);
  });

  test("can be applied again without growing, covers later networks, and does not touch another platform's rules", async () => {
    const other = `${fixture.runId}-other`;
    const options = { platformId: fixture.runId, hasNetworks: true, closeMetadata: false, ...openRules };
    await testHands.applyFirewall(options);
    const once = await rules();
    await testHands.applyFirewall(options);
    assert.deepEqual(await rules(), once);

    const pool = { pool: '10.214.0.0/16', prefixLength: 26 };
    const next = await fixture.engine.networks.create({
      name: `${fixture.runId}-next`,
      labels: fixture.labels,
      ...pool,
    });
    const hostPort = (hostServer.address() as AddressInfo).port;
    assert.equal(await heard(next.gateway ?? '', hostPort, next), '');
    await fixture.engine.networks.remove(next.id);

    await testHands.applyFirewall({ platformId: other, hasNetworks: false, closeMetadata: true, ...openRules });
    await testHands.removeFirewall(other);
    assert.deepEqual(await rules(), once);
    await testHands.removeFirewall(fixture.runId);
    await testHands.removeFirewall(fixture.runId);
    const left = await rules();
    assert.ok(left.length < once.length && !left.some((rule) => once.includes(rule)), left.join('\n'));
  });

  test("keeps the platform's networks apart while the engine's rules are reloaded, and lets each reach itself", async () => {
    const { engine, runId, labels } = fixture;
    const pool = { pool: '10.214.0.0/16', prefixLength: 26 };
    const other = await engine.networks.create({ name: `${runId}-apart`, labels, ...pool });
    const server = fixture.spec(`exec perl -e "$SERVER"`, { ...inNetwork(other), env: { SERVER: listener('app') } });
    const id = await engine.containers.create(server);
    await engine.containers.start(id);
    const address = (await engine.containers.inspect(id))?.address ?? '';
    // As while the engine's own rules are missing: both networks may forward to each other.
    const [one, two] = [network.subnet ?? '', other.subnet ?? ''];
    const open = [
      ['DOCKER-USER', '--source', one, '--destination', two, '--jump', 'ACCEPT'],
      ['DOCKER-USER', '--source', two, '--destination', one, '--jump', 'ACCEPT'],
    ];
    await testHands.removeFirewall(runId);
    for (const rule of open) await run('iptables', ['--wait', '10', '--insert', ...rule]);
    try {
      await eventually('"app" is heard', async () => (await heard(address, 5000)) === 'app');
      const options = { platformId: runId, hasNetworks: true, closeMetadata: false, ...openRules };
      assert.deepEqual(await testHands.applyFirewall(options), { applied: true, gaps: [] });
      assert.equal(await heard(address, 5000), '');
      assert.equal(await heard(address, 5000, other), 'app', 'a network reaches itself');
    } finally {
      for (const rule of open) await run('iptables', ['--wait', '10', '--delete', ...rule]);
      await engine.containers.remove(id);
      await engine.networks.remove(other.id);
    }
  });

  test('closes only link-local addresses to Dockerfile builds, unless a setting opens them', async () => {
    const buildBridge = (await engineOnHost(fixture.dockerHost)()).bridge?.interface ?? '';
    const options = { platformId: fixture.runId, hasNetworks: true, closeMetadata: true, ...openRules };
    // Another platform on this machine may have its own rule there.
    if (!(await closedByAnother(buildBridge))) {
      await open('far', () => heardByStep(far.metadata));
    }
    assert.deepEqual(await testHands.applyFirewall(options), { applied: true, gaps: [] });
    const closing = (rule: string) => rule.includes(`-i ${buildBridge} `);
    assert.equal((await rules()).filter(closing).length, 1);
    assert.equal(await heardByStep(far.metadata), '');
    await open('far', () => heardByStep(far.address));
    assert.deepEqual(await testHands.applyFirewall({ ...options, closeMetadata: false }), { applied: true, gaps: [] });
    assert.deepEqual((await rules()).filter(closing), []);
    await testHands.applyFirewall(options);
    await testHands.removeFirewall(fixture.runId);
    assert.deepEqual(await rules(), []);
  });

  test('gives the reason when the engine’s networks are on another machine', async () => {
    const state = await testHands.applyFirewall({
      platformId: `${fixture.runId}-elsewhere`,
      hasNetworks: true,
      closeMetadata: false,
      ...openRules,
    });
    assert.equal(state.applied, false);
    assert.match(state.applied ? '' : state.reason, /network namespace/);
  });

  async function closedByAnother(bridge: string): Promise<boolean> {
    return (await firewallRules()).some((rule) => rule.includes(`-i ${bridge} -j PAAS-`));
  }

  /** The rules of this test's platform. */
  async function rules(): Promise<readonly string[]> {
    const { input, forward, steps, limit, bridges } = chainsOf(fixture.runId);
    const own = [input, forward, steps, limit, bridges];
    return (await firewallRules()).filter((rule) => own.some((name) => rule.includes(name)));
  }
});

async function fromHost(address: string): Promise<string> {
  const { stdout } = await run('bash', ['-c', 'exec 3<>"/dev/tcp/$0/5000" && cat <&3', address], { timeout: 2_000 });
  return stdout.trim();
}
