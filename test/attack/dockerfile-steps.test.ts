import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { isRoot } from '../../src/system/privileges.ts';
import { beginStep, said, stepPrograms } from '../support/build-step.ts';
import { BuilderFixture } from '../support/builder-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { FarHost } from '../support/far-host.ts';
import { attack } from './attack.ts';
import { startResolverScene } from './resolver-scene.ts';

const skip = isRoot() ? false : 'needs root, as the firewall itself';

test('a step of a Dockerfile that forges frames reaches no other step and no port of the host', { skip }, async (t) => {
  await using fixture = await BuilderFixture.open();
  await using far = await FarHost.create();
  const hostServer = createServer((socket) => socket.end('host\n')).listen(0, '0.0.0.0');
  await once(hostServer, 'listening');
  const { port } = hostServer.address() as AddressInfo;
  await using scene = await startResolverScene({ attackedPort: port });
  const victim = await beginStep(fixture, { program: stepPrograms.victim, args: [far.address] });
  await eventually('the victim serves', () => /asked 5 /.test(victim.output.text), { deadlineMs: 60_000 });
  const [address = ''] = said(victim, /serving at ([\d.]+)/g);
  await attack(t, scene, {
    what: 'a Dockerfile step that forges ARP, frames and sources beside another',
    seconds: 30,
    async run() {
      const args = [address, far.address, far.gateway, port];
      const attacker = await beginStep(fixture, { program: stepPrograms.attacker, args });
      assert.equal(await attacker.ended, null, attacker.output.text);
      assert.match(attacker.output.text, /reached: \n +host: \n +foreign frames: 0$/m);
    },
  });
  victim.abort();
  await victim.ended;
  hostServer.close();
  assert.deepEqual(said(victim, /failed (\d+), served (\d+), gateways (\d+)/g), ['0', '0', '1']);
});
