import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import type { HostHands } from '../../src/domain/host-hands.ts';
import { formatBlock } from '../../src/domain/subnets.ts';
import { scaled } from '../support/deadline.ts';
import { EngineFixture } from '../support/engine-fixture.ts';

const never = new AbortController().signal;

/** For hands on this machine, whose effects the tests can see. integration/host-firewall tests what the firewall lets through. */
export function hostHandsContract(name: string, hands: HostHands): void {
  describe(`the hands on a host: ${name}`, () => {
    let fixture: EngineFixture;
    before(async () => {
      fixture = await EngineFixture.create();
    });
    after(() => fixture[Symbol.asyncDispose]());

    test('an address answers while a program listens there', async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const target = { address: '127.0.0.1', port };
      assert.equal(await hands.answers(target, never), true);
      server.close();
      await once(server, 'close');
      assert.equal(await hands.answers(target, never), false);
    });

    test('an aborted wait for an answer throws the reason of the signal', async () => {
      const reason = new Error('enough');
      await assert.rejects(hands.answers({ address: '127.0.0.1', port: 1 }, AbortSignal.abort(reason)), reason);
    });

    test('the disks of PAAS_HOME and of the engine are measured', async () => {
      const disks = await hands.disks();
      assert.deepEqual(disks.map(({ holds }) => holds).sort(), ['engine', 'home']);
      for (const { path, space } of disks) {
        assert.match(path, /^\//);
        if (space) assert.ok(space.freeBytes >= 0 && space.freeBytes <= space.totalBytes, path);
      }
      assert.ok(disks.find(({ holds }) => holds === 'home')?.space, 'the home of these tests can be read');
    });

    test('the load of the host has its averages, its CPUs and its memory', async () => {
      const load = await hands.load();
      assert.equal(load.averages.length, 3);
      assert.ok(load.averages.every((average) => Number.isFinite(average) && average >= 0));
      const { cpus, memoryBytes } = await fixture.engine.info();
      assert.equal(load.cpus, cpus);
      // The two may differ in the memory that the kernel reserves for itself.
      assert.ok(Math.abs(load.memoryBytes / memoryBytes - 1) < 0.05, `${load.memoryBytes} and ${memoryBytes}`);
      assert.ok(load.freeMemoryBytes > 0 && load.freeMemoryBytes < load.memoryBytes);
    });

    test('the routes of the host contain the networks of its engine, and no default route', async () => {
      const { engine, runId, labels } = fixture;
      const pool = { pool: '10.211.0.0/16', prefixLength: 28 };
      const network = await engine.networks.create({ name: `${runId}-route`, labels, ...pool });
      const routes = async () => (await hands.routes()).map(formatBlock);
      assert.ok((await routes()).includes(network.subnet ?? ''), `${network.subnet} is not in ${await routes()}`);
      assert.ok(!(await routes()).includes('0.0.0.0/0'));
      await engine.networks.remove(network.id);
      assert.ok(!(await routes()).includes(network.subnet ?? ''));
    });

    test('steps of Dockerfiles are limited for several builds at once, or the reason is given', async () => {
      using first = await hands.brakeSteps();
      using second = await hands.brakeSteps();
      assert.equal(first.applied, second.applied);
      assert.match(
        first.message,
        first.applied ? /held to .* of( the)? memory$/ : /^Steps of a Dockerfile are not limited/,
      );
    });

    test('steps of Dockerfiles are kept apart for several builds at once, or the reason is given', async () => {
      const rules = { platformId: `${fixture.runId}-steps`, closeMetadata: true };
      {
        using first = await hands.separateSteps(rules);
        using second = await hands.separateSteps(rules);
        assert.equal(first.applied, second.applied);
        if (!first.applied) assert.match(first.reason, /\w/);
      }
      await hands.removeFirewall(rules.platformId);
    });

    test('what a container has on disk is counted, with open files that have no name, or the reason is given', async () => {
      const reason = await hands.whyNotCounted();
      if (reason !== null) {
        assert.match(reason, /^the (platform|engine) |^ENOENT|^EACCES/);
        return;
      }
      const { engine } = fixture;
      const script = `head -c 3000000 /dev/zero > /tmp/seen; mkdir /tmp/shut; head -c 2000000 /dev/zero > /tmp/shut/file
        chmod 0 /tmp/shut; exec 9>/tmp/nameless; rm /tmp/nameless; head -c 4000000 /dev/zero >&9; echo filled; sleep 600`;
      const id = await engine.containers.create(fixture.spec(script, { sandbox: 'build', tmpBytes: 0 }));
      const { stdout } = await engine.containers.attach(id, never);
      await engine.containers.start(id);
      await once(stdout, 'data');
      const { bytes, files } = await hands.containerDisk(id, never);
      assert.ok(bytes >= 9_000_000 && bytes < 10_000_000, `${bytes} bytes`);
      assert.ok(files >= 4 && files < 40, `${files} files`);
      await assert.rejects(hands.containerDisk(id, AbortSignal.abort()), { code: 'unavailable' });
      const measured = async () => {
        const folders = (await engine.containers.folders(fixture.labels)).filter((each) => each.id === id);
        const report = await hands.diskUse(folders, never);
        return report.measured ? report.uses.get(id) : assert.fail(report.reason);
      };
      const use = await measured();
      assert.ok(use && use.unlinkedBytes >= 4_000_000, `${use?.unlinkedBytes} bytes without a name`);
      assert.equal(use.bytes, bytes);
      assert.ok(use.files >= 4 && use.files < 40, `${use.files} files`);
      assert.ok(use.writtenBytes >= 4_000_000, `${use.writtenBytes} bytes written`);
      await engine.containers.kill(id, 'SIGKILL');
      await engine.containers.wait(id, never);
      const left = await measured();
      assert.ok(left && left.bytes >= 5_000_000 && left.unlinkedBytes === 0, 'what ended counts until it is removed');
      await engine.containers.remove(id);
      await assert.rejects(hands.containerDisk(id, never), { code: 'not_found' });
    });

    test('the buffers of TCP of a container are limited to a quarter of its memory, or count as its memory', async () => {
      const { engine } = fixture;
      const group = '/sys/fs/cgroup/memory/memory.kmem.tcp.limit_in_bytes';
      const id = await engine.containers.create(fixture.spec(`cat; cat ${group} || echo counted`, { openStdin: true }));
      try {
        const { stdin, stdout, stderr } = await engine.containers.attach(id, AbortSignal.timeout(scaled(60_000)));
        stderr.resume();
        await engine.containers.start(id);
        const isLimited = await hands.limitSockets(id);
        stdin.end();
        const said = (await text(stdout)).trim();
        if (isLimited) assert.ok(said === 'counted' || said === String(16 * 1024 ** 2), said);
        assert.equal(await hands.limitSockets('0'.repeat(64)), said === 'counted' && isLimited);
      } finally {
        await engine.containers.remove(id);
      }
    });

    test('the firewall can be applied twice and removed twice, or the reason is given', async () => {
      const platformId = `${fixture.runId}-${randomBytes(2).toString('hex')}`;
      const limits = { open: 4096, newPerSecond: 200, queriesPerSecond: 200 };
      const rules = {
        platformId,
        hasNetworks: false,
        closeMetadata: true,
        limits,
        denied: ['192.0.2.0/24'],
        exceptions: [],
      };
      const state = await hands.applyFirewall(rules);
      assert.deepEqual(await hands.applyFirewall(rules), state);
      if (!state.applied) assert.match(state.reason, /^Containers can reach ports of this host: /);
      const elsewhere = await hands.applyFirewall({ ...rules, hasNetworks: true });
      assert.equal(elsewhere.applied, false, 'there is no bridge of that platform here');
      await hands.removeFirewall(platformId);
      await hands.removeFirewall(platformId);
    });
  });
}
