import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import type { UnderTest } from './engine.contract.ts';

const pool = { pool: '10.211.0.0/16', prefixLength: 26 };
/** Answers "hello" to whoever connects on port 5000. */
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
      assert.match(made.bridge ?? '', /^[a-z0-9]{3,15}$/);
      assert.equal(made.name, network.name);
      assert.deepEqual(await engine.networks.inspect(made.id), made);
      assert.deepEqual(await engine.networks.create(network), made);
      assert.ok((await engine.networks.list(labels)).some((one) => one.id === made.id));
      await assert.rejects(engine.networks.create({ ...network, labels: { other: 'yes' } }), { code: 'conflict' });
      await engine.networks.remove(made.id);
      await engine.networks.remove(made.id);
      assert.equal(await engine.networks.inspect(made.id), null);
    });

    test('networks made at the same moment get different subnets, and one name one network', async () => {
      const { engine, runId, labels } = underTest();
      const names = ['a', 'b', 'c', 'd', 'd'].map((letter) => `${runId}-same-${letter}`);
      const made = await Promise.all(names.map((name) => engine.networks.create({ name, labels, ...pool })));
      assert.equal(new Set(made.map((network) => network.subnet)).size, 4);
      assert.equal(made[3]?.id, made[4]?.id);
      await Promise.all(made.slice(0, 4).map((network) => engine.networks.remove(network.id)));
    });

    test('containers of one network reach each other and the host reaches them; those of another do not', async () => {
      const fixture = underTest();
      const { engine, runId, labels } = fixture;
      const [home, elsewhere] = await Promise.all(
        ['home', 'elsewhere'].map((name) => engine.networks.create({ name: `${runId}-${name}`, labels, ...pool })),
      );
      assert.ok(home && elsewhere);
      const id = await engine.containers.create(fixture.spec(server, { networkId: home.id }));
      await engine.containers.start(id);
      const address = (await engine.containers.inspect(id))?.address ?? '';
      assert.match(address, /^10\.211\./);
      await eventually('the host reaches the container', async () => (await read(address)) === 'hello\n');

      const call = `exec 3<>/dev/tcp/${address}/5000 && cat <&3`;
      const bash = { command: ['bash', '-c', call] };
      assert.equal((await fixture.run('', { ...bash, networkId: home.id })).stdout, 'hello\n');
      const limited = { command: ['bash', '-c', `(${call}) & sleep 1; kill %1 2>/dev/null`] };
      assert.equal((await fixture.run('', { ...limited, networkId: elsewhere.id })).stdout, '');

      await assert.rejects(engine.networks.remove(home.id), { code: 'conflict' });
      await engine.containers.remove(id);
      await Promise.all([engine.networks.remove(home.id), engine.networks.remove(elsewhere.id)]);
    });

    test('there is no IPv6 in a network, and no network at all without one', async () => {
      const fixture = underTest();
      const network = await fixture.engine.networks.create({
        name: `${fixture.runId}-v4`,
        labels: fixture.labels,
        ...pool,
      });
      const script = "cat /proc/net/if_inet6 2>/dev/null | grep -v ' lo$'; ls /sys/class/net";
      const inside = await fixture.run(script, { networkId: network.id });
      assert.equal(inside.stdout, 'eth0\nlo\n');
      assert.equal((await fixture.run(script)).stdout, 'lo\n');
      await fixture.engine.networks.remove(network.id);
    });

    test('a pool that is used up says so', async () => {
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

async function read(address: string): Promise<string> {
  const socket = connect(5000, address);
  socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')));
  return text(socket);
}
