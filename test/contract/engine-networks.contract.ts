import assert from 'node:assert/strict';
import { BlockList, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import type { NetworkState } from '../../src/domain/networks.ts';
import { parseBlock } from '../../src/domain/subnets.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { inNetwork } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import type { UnderTest } from './engine.contract.ts';

const pool = { pool: '10.211.0.0/16', prefixLength: 26 };
/** Answers each connection on port 5000 with "hello". */
const server = `exec perl -MSocket -e '
  socket(S, PF_INET, SOCK_STREAM, 0) or die; setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
  bind(S, sockaddr_in(5000, INADDR_ANY)) or die $!; listen(S, 5);
  while (accept(C, S)) { syswrite C, "hello\\n"; close C }'`;

export function networksContract(underTest: UnderTest): void {
  describe('networks', { concurrency: 2 }, () => {
    test('a network has its own subnet of the pool and is found again', async () => {
      const { engine, runId, labels } = underTest();
      const network = { name: `${runId}-one`, labels, ...pool };
      const made = await engine.networks.create(network);
      assert.match(made.subnet ?? '', /^10\.211\.\d+\.\d+\/26$/);
      assert.equal(made.name, network.name);
      assert.deepEqual(await engine.networks.inspect(made.id), made);
      assert.deepEqual(await engine.networks.create(network), made);
      assert.ok((await engine.networks.list(labels)).some((one) => one.id === made.id));
      await assert.rejects(engine.networks.create({ ...network, labels: { other: 'yes' } }), { code: 'conflict' });
      await engine.networks.remove(made.id);
      await engine.networks.remove(made.id);
      assert.equal(await engine.networks.inspect(made.id), null);
    });

    test('networks created at the same moment get different subnets, and the same name gives the same network', async () => {
      const { engine, runId, labels } = underTest();
      const names = ['a', 'b', 'c', 'd', 'd'].map((letter) => `${runId}-same-${letter}`);
      const made = await Promise.all(names.map((name) => engine.networks.create({ name, labels, ...pool })));
      assert.equal(new Set(made.map((network) => network.subnet)).size, 4);
      assert.equal(made[3]?.id, made[4]?.id);
      await Promise.all(made.slice(0, 4).map((network) => engine.networks.remove(network.id)));
    });

    test('containers of one network reach each other, the host reaches them, and containers of another network do not', async () => {
      const fixture = underTest();
      const { engine, runId, labels } = fixture;
      const [home, elsewhere] = await Promise.all(
        ['home', 'elsewhere'].map((name) => engine.networks.create({ name: `${runId}-${name}`, labels, ...pool })),
      );
      assert.ok(home && elsewhere);
      const id = await engine.containers.create(fixture.spec(server, inNetwork(home)));
      await engine.containers.start(id);
      const address = (await engine.containers.inspect(id))?.address ?? '';
      assert.match(address, /^10\.211\./);
      await eventually('the host reaches the container', async () => (await read(address)) === 'hello\n');

      const call = `exec 3<>/dev/tcp/${address}/5000 && cat <&3`;
      const bash = { command: ['bash', '-c', call] };
      assert.equal((await fixture.run('', { ...bash, ...inNetwork(home) })).stdout, 'hello\n');
      const limited = { command: ['bash', '-c', `(${call}) & sleep 1; kill %1 2>/dev/null`] };
      assert.equal((await fixture.run('', { ...limited, ...inNetwork(elsewhere) })).stdout, '');

      await assert.rejects(engine.networks.remove(home.id), { code: 'conflict' });
      await engine.containers.remove(id);
      await Promise.all([engine.networks.remove(home.id), engine.networks.remove(elsewhere.id)]);
    });

    test('a container is in each of its networks under its names, and its address is in the first one', async () => {
      const fixture = underTest();
      const { engine, runId, labels } = fixture;
      // The engine lists them by name: the first is the last of them.
      const names = ['z-first', 'b-second', 'a-later'];
      const [first, second, later] = await Promise.all(
        names.map((name) => engine.networks.create({ name: `${runId}-${name}`, labels, ...pool })),
      );
      assert.ok(first && second && later);
      const networks = [
        { id: first.id, aliases: ['db', 'primary'], when: 'start' },
        { id: second.id, aliases: ['store'], when: 'start' },
        { id: later.id, aliases: ['db'], when: 'later' },
      ] as const;
      const spec = fixture.spec(server, { networks });
      const id = await engine.containers.create(spec);
      assert.equal(await engine.containers.create(spec), id, 'made again it is the same');
      await engine.containers.start(id);
      const state = await engine.containers.inspect(id);
      assert.ok(isIn(first.subnet, state?.address), `${state?.address} in ${first.subnet}`);
      const hears = async (network: NetworkState, name: string) => {
        const call = `exec 3<>/dev/tcp/${name}/5000 && cat <&3`;
        const caller = { command: ['bash', '-c', call], ...inNetwork(network) };
        return (await fixture.run('', caller)).stdout === 'hello\n';
      };
      await eventually('it answers', () => hears(first, 'db'));
      assert.equal(await hears(first, 'primary'), true);
      assert.equal(await hears(second, 'store'), true);
      assert.equal(await hears(second, 'db'), false, 'a name is of one network');
      assert.equal(await hears(later, 'db'), false, 'not before it is put in');
      await engine.networks.join(networks[2], id);
      await engine.networks.join(networks[2], id);
      assert.equal(await hears(later, 'db'), true);
      assert.equal((await engine.containers.inspect(id))?.address, state?.address);
      await assert.rejects(engine.networks.join({ id: `${runId}-none`, aliases: [] }, id), { code: 'not_found' });
      await engine.containers.remove(id);
      await assert.rejects(engine.networks.join(networks[2], id), { code: 'not_found' });
      for (const network of [first, second, later]) await engine.networks.remove(network.id);
    });

    test('a network has no IPv6, and a container without a network has none at all', async () => {
      const fixture = underTest();
      const network = await fixture.engine.networks.create({
        name: `${fixture.runId}-v4`,
        labels: fixture.labels,
        ...pool,
      });
      const script = "cat /proc/net/if_inet6 2>/dev/null | grep -v ' lo$'; ls /sys/class/net";
      const inside = await fixture.run(script, inNetwork(network));
      assert.equal(inside.stdout, 'eth0\nlo\n');
      assert.equal((await fixture.run(script)).stdout, 'lo\n');
      await fixture.engine.networks.remove(network.id);
    });

    test('no network is made where the host has a route', async () => {
      const { dockerHost, runId, labels } = underTest();
      const blocks = ['10.212.254.0/30', '10.212.254.8/29'].map((text) => parseBlock(text));
      const hostRoutes = async () => blocks.filter((block) => block !== null);
      const { networks } = createDockerEngine({ dockerHost, hostRoutes });
      const network = { pool: '10.212.254.0/28', prefixLength: 30, labels };
      const made = await networks.create({ name: `${runId}-beside`, ...network });
      assert.equal(made.subnet, '10.212.254.4/30');
      await assert.rejects(networks.create({ name: `${runId}-none`, ...network }), { code: 'no_capacity' });
      await networks.remove(made.id);
    });

    test('a used-up pool is an error that says so', async () => {
      const { engine, runId, labels } = underTest();
      const tiny = { pool: '10.212.255.248/30', prefixLength: 30, labels };
      const one = await engine.networks.create({ name: `${runId}-tiny-1`, ...tiny });
      await assert.rejects(engine.networks.create({ name: `${runId}-tiny-2`, ...tiny }), {
        code: 'no_capacity',
        message: /10\.212\.255\.248\/30/,
      });
      await engine.networks.remove(one.id);
    });
  });
}

function isIn(subnet: string | null, address: string | null | undefined): boolean {
  const block = new BlockList();
  const [base = '', length] = (subnet ?? '').split('/');
  block.addSubnet(base, Number(length));
  return block.check(address ?? '');
}

async function read(address: string): Promise<string> {
  const socket = connect(5000, address);
  socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')));
  return text(socket);
}
