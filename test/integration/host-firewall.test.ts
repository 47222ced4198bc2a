import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
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
import { firewallRules } from '../support/firewall-rules.ts';
import { testHands } from '../support/hands.ts';
import { Uplink } from '../support/uplink.ts';

const run = promisify(execFile);
/** Each run uses another network, because the host has one route to each. */
const metadata = `169.254.${randomInt(1, 255)}.${randomInt(1, 255)}`;

/** Writes a word to each client that connects on port 5000. */
function listener(word: string): string {
  return `use Socket; socket(S, PF_INET, SOCK_STREAM, 0) or die; setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
    bind(S, sockaddr_in(5000, INADDR_ANY)) or die $!; listen(S, 9); $| = 1; print "listening\\n";
    while (accept(C, S)) { syswrite C, "${word}\\n"; close C }`;
}

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
    await open('far', () => heard(metadata, 5000));

    const options = { platformId: fixture.runId, hasNetworks: true, closeMetadata: false };
    assert.deepEqual(await testHands.applyFirewall(options), { applied: true });

    const [host, ownAddress, meta] = await Promise.all([
      heard(gateway, hostPort),
      heard(far.gateway, hostPort),
      heard(metadata, 5000),
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
    const options = { platformId: fixture.runId, hasNetworks: true, closeMetadata: false };
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

    await testHands.applyFirewall({ platformId: other, hasNetworks: false, closeMetadata: true });
    await testHands.removeFirewall(other);
    assert.deepEqual(await rules(), once);
    await testHands.removeFirewall(fixture.runId);
    await testHands.removeFirewall(fixture.runId);
    const left = await rules();
    assert.ok(left.length < once.length && !left.some((rule) => once.includes(rule)), left.join('\n'));
  });

  test('closes only link-local addresses to Dockerfile builds, unless a setting opens them', async () => {
    const buildBridge = (await engineOnHost(fixture.dockerHost)()).bridge ?? '';
    const options = { platformId: fixture.runId, hasNetworks: true, closeMetadata: true };
    // Another platform on this machine may have its own rule there.
    if (!(await closedByAnother(buildBridge))) {
      await open('far', () => heardByStep(metadata));
    }
    assert.deepEqual(await testHands.applyFirewall(options), { applied: true });
    const closing = (rule: string) => rule.includes(`-i ${buildBridge} `);
    assert.equal((await rules()).filter(closing).length, 1);
    assert.equal(await heardByStep(metadata), '');
    await open('far', () => heardByStep(far.address));
    assert.deepEqual(await testHands.applyFirewall({ ...options, closeMetadata: false }), { applied: true });
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
    });
    assert.equal(state.applied, false);
    assert.match(state.applied ? '' : state.reason, /network namespace/);
  });

  async function closedByAnother(bridge: string): Promise<boolean> {
    return (await firewallRules()).some((rule) => rule.includes(`-i ${bridge} -j PAAS-FWD-`));
  }

  /** The rules of this test's platform. */
  async function rules(): Promise<readonly string[]> {
    const { input, forward, bridges } = chainsOf(fixture.runId);
    return (await firewallRules()).filter((rule) => [input, forward, bridges].some((own) => rule.includes(own)));
  }
});

async function fromHost(address: string): Promise<string> {
  const { stdout } = await run('bash', ['-c', 'exec 3<>"/dev/tcp/$0/5000" && cat <&3', address], { timeout: 2_000 });
  return stdout.trim();
}

/** Another host, which also has the address of a cloud's metadata service. */
class FarHost implements AsyncDisposable {
  readonly address: string;
  /** This host's address on the link to it. */
  readonly gateway: string;
  readonly #parts: AsyncDisposable;

  private constructor(uplink: Uplink, parts: AsyncDisposable) {
    this.#parts = parts;
    this.address = uplink.address;
    this.gateway = uplink.address.replace(/\.2$/, '.1');
  }

  static async create(): Promise<FarHost> {
    const child = spawn('unshare', ['--net', '--', 'perl', '-e', listener('far')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await using failed = new AsyncDisposableStack();
    failed.defer(() => ended(child));
    await once(child.stdout, 'data');
    const pid = child.pid ?? 0;
    const uplink = failed.use(await Uplink.create(pid));
    const inside = ['--target', String(pid), '--net', '--', 'ip'];
    await run('nsenter', [...inside, 'link', 'set', 'lo', 'up']);
    await run('nsenter', [...inside, 'address', 'add', `${metadata}/32`, 'dev', 'lo']);
    await run('ip', ['route', 'add', `${metadata}/32`, 'via', uplink.address]);
    return new FarHost(uplink, failed.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}
