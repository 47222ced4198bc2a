import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { labelNames } from '../../src/domain/labels.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { beginStep, said, stepPrograms } from '../support/build-step.ts';
import { BuilderFixture } from '../support/builder-fixture.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import { FarHost, listener } from '../support/far-host.ts';
import { testHands } from '../support/hands.ts';
import { rawEngine } from '../support/raw-engine.ts';

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open();
});
after(() => fixture[Symbol.asyncDispose]());

const begin = (program: string, args: readonly (string | number)[], builder = fixture.builder) =>
  beginStep(fixture, { program, args, builder });

test('where steps cannot be kept apart, Dockerfiles are built one at a time, and the second pusher is told why', async () => {
  const separateSteps = async () =>
    ({ applied: false, reason: 'as a test', [Symbol.dispose]: () => undefined }) as const;
  const builder = fixture.newBuilder({}, { hands: { ...testHands, separateSteps } });
  const first = await begin('$| = 1; print "begun\\n"; sleep 600', [], builder);
  await eventually('the first step runs', () => /begun/.test(first.output.text), { deadlineMs: 60_000 });
  const second = await begin('print "second\\n"', [], builder);
  const reason = /this host cannot keep Dockerfiles apart and builds one at a time \(position 1\)/;
  await eventually('the second waits', () => reason.test(second.output.text));
  first.abort();
  assert.notEqual(await first.ended, null);
  assert.equal(await second.ended, null, second.output.text);
  assert.match(second.output.text, / second$/m);
});

describe('steps of two Dockerfiles at once', {
  skip: isRoot() ? false : 'needs root, as the firewall itself',
  timeout: scaled(180_000),
}, () => {
  let far: FarHost;
  before(async () => {
    far = await FarHost.create();
  });
  after(() => far[Symbol.asyncDispose]());

  test('reach neither each other nor the host, and what one forges reaches nobody', async () => {
    const hostServer = createServer((socket) => socket.end('host\n')).listen(0, '0.0.0.0');
    await once(hostServer, 'listening');
    const { port } = hostServer.address() as AddressInfo;
    const received: string[] = [];
    const datagrams = createSocket('udp4', (_, { address }) => received.push(address)).bind(port);

    const attacked = await begin(stepPrograms.victim, [far.address]);
    await eventually('the victim serves', async () => /serving at/.test(attacked.output.text), {
      deadlineMs: 60_000,
    });
    const [address = ''] = said(attacked, /serving at ([\d.]+)/g);
    const attack = await begin(stepPrograms.attacker, [address, far.address, far.gateway, port]);
    assert.equal(await attack.ended, null, attack.output.text);
    assert.equal(await dialled(address), 1, 'a container in a network of the platform reaches the step');
    const before = Number(said(attacked, /asked (\d+) failed/g)[0]);
    await eventually('the victim goes on', async () => Number(said(attacked, /asked (\d+) failed/g)[0]) > before + 5);
    attacked.abort();
    await attacked.ended;
    hostServer.close();
    datagrams.close();

    const [failed, served, gateways] = said(attacked, /failed (\d+), served (\d+), gateways (\d+)/g);
    assert.deepEqual(
      {
        far: said(attack, /^ *far: (.*)$/gm)[0],
        reached: said(attack, /^ *reached: (.*)$/gm)[0],
        host: said(attack, /^ *host: (.*)$/gm)[0],
        foreignFrames: said(attack, /^ *foreign frames: (.*)$/gm)[0],
        datagrams: received,
        victim: { failed, served, gateways },
      },
      {
        far: 'far',
        reached: '',
        host: '',
        foreignFrames: '0',
        datagrams: [],
        victim: { failed: '0', served: '0', gateways: '1' },
      },
      `${attack.output.text}\n${attacked.output.text}`,
    );
  });

  test("leave other people's containers on the engine's bridge alone, which reach each other and the host as before", async () => {
    using separation = await testHands.separateSteps({ platformId: fixture.platformId, closeMetadata: true });
    assert.equal(separation.applied, true);
    const name = `${fixture.platformId}-other`;
    const server = await startOther(`${name}-server`, ['perl', '-e', listener('other')]);
    const dial = `use IO::Socket::INET; for (1 .. 50) { my $s = IO::Socket::INET->new(PeerAddr => "${server}:5000", Timeout => 1);
      if ($s) { print scalar <$s>; exit 0 } select(undef, undef, undef, 0.1) } exit 1`;
    await startOther(`${name}-client`, ['perl', '-e', dial]);
    const { exitCode } = await fixture.engine.containers.wait(`${name}-client`, AbortSignal.timeout(scaled(30_000)));
    assert.equal(exitCode, 0);
  });

  /** The exit code of a container as builds and apps have it, which dials an address: 0 if it answers. */
  async function dialled(address: string): Promise<number> {
    const { engine, platformId, stack } = fixture;
    const labels = { [labelNames.platform]: platformId };
    const pool = { pool: '10.213.0.0/16', prefixLength: 29 };
    const network = await engine.networks.create({ name: `${platformId}-dial`, labels, ...pool });
    const dial = `use IO::Socket::INET; exit(IO::Socket::INET->new(PeerAddr => "${address}:5000", Timeout => 2) ? 0 : 1)`;
    const id = await engine.containers.create({
      name: `${platformId}-dial`,
      image: stack.runImageId,
      sandbox: 'build',
      labels,
      user: '10001:10001',
      entrypoint: ['perl', '-e', dial],
      env: {},
      memoryBytes: 256 * 1024 * 1024,
      cpus: 1,
      networks: [{ id: network.id, aliases: [], when: 'start' }],
    });
    await engine.containers.start(id);
    return (await engine.containers.wait(id, AbortSignal.timeout(scaled(30_000)))).exitCode;
  }

  /** Starts a container as another user of the engine would. Returns its address. */
  async function startOther(name: string, command: readonly string[]): Promise<string> {
    await rawEngine('POST', `/containers/create?name=${name}`, {
      Image: 'paas/run',
      Entrypoint: command,
      User: '10001:10001',
      Labels: { [labelNames.platform]: fixture.platformId },
    });
    await rawEngine('POST', `/containers/${name}/start`);
    return (await fixture.engine.containers.inspect(name))?.address ?? '';
  }
});
