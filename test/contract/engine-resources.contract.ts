import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerStats } from '../../src/domain/container-stats.ts';
import type { ContainerSpec } from '../../src/domain/containers.ts';
import { scaled } from '../support/deadline.ts';
import { inNetwork, megabyte } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import type { UnderTest } from './engine.contract.ts';

const patience = () => AbortSignal.timeout(scaled(30_000));

/** Measuring, limiting and pausing containers. */
export function resourcesContract(underTest: UnderTest): void {
  async function started(script: string, changes: Partial<ContainerSpec> = {}) {
    const fixture = underTest();
    const { containers } = fixture.engine;
    const id = await containers.create(fixture.spec(script, changes));
    await containers.start(id);
    return { id, containers, fixture };
  }

  async function use(id: string): Promise<ContainerStats> {
    const stats = (await underTest().engine.containers.stats([id], patience())).get(id);
    assert.ok(stats, 'a running container has figures');
    return stats;
  }

  /** A program that uses this much memory, and prints when it does. */
  // The size is an argument: perl would compute a constant in advance, and hold it twice.
  const holding = (megabytes: number) =>
    `exec perl -e '$x = "a" x ($ARGV[0] << 20); $| = 1; print "held\\n"; sleep' ${megabytes}`;

  async function held(id: string) {
    for await (const line of underTest().engine.containers.logs(id, { follow: true }, patience()))
      if (line.text === 'held') return;
    throw new Error('It ended before it held its memory.');
  }

  describe('what containers use', { concurrency: 3 }, () => {
    test('CPU time, memory with its limit and the number of processes are measured', async () => {
      const { id, containers } = await started(holding(30));
      await held(id);
      const stats = await use(id);
      assert.ok(Math.abs(stats.at.getTime() - Date.now()) < 60_000, `read at ${stats.at.toISOString()}`);
      assert.ok(stats.cpu.usedNs > 1e6 && stats.cpu.usedNs < 60e9, `${stats.cpu.usedNs} ns`);
      assert.equal(stats.memory.limitBytes, 64 * megabyte);
      const megabytes = stats.memory.usedBytes / megabyte;
      assert.ok(megabytes >= 30 && megabytes < 50, `${megabytes} MB`);
      assert.ok(stats.pids >= 1 && stats.pids < 5, `${stats.pids} processes`);
      assert.deepEqual(stats.network, { receivedBytes: 0, sentBytes: 0 }, 'it has no network');
      await containers.remove(id);
    });

    test('the page cache of written files does not count as memory', async () => {
      const { id, containers } = await started('dd if=/dev/zero of=/home/file bs=1M count=40; echo held; sleep 60');
      await held(id);
      const { memory, blockIo } = await use(id);
      assert.ok(memory.usedBytes < 20 * megabyte, `${memory.usedBytes} bytes of memory`);
      assert.ok(blockIo.readBytes >= 0 && blockIo.writtenBytes >= 0);
      await containers.remove(id);
    });

    test('the time that the CPU limit held a container back is measured', async () => {
      const { id, containers } = await started('while :; do :; done', { cpus: 0.1 });
      await eventually('it is held back', async () => (await use(id)).cpu.throttledNs > 1e6);
      await containers.remove(id);
    });

    test('network bytes are summed over all interfaces', async () => {
      const fixture = underTest();
      const { engine, runId, labels } = fixture;
      const pool = '10.213.96.0/20';
      const network = await engine.networks.create({ name: `${runId}-stats`, labels, pool, prefixLength: 28 });
      const send = `perl -MSocket -e 'socket(S, PF_INET, SOCK_DGRAM, 0); $to = sockaddr_in(9, inet_aton("${network.gateway}")); send(S, "x" x 1000, 0, $to) for 1..100; print "held\\n"'`;
      const id = await engine.containers.create(fixture.spec(`${send}; sleep 60`, inNetwork(network)));
      await engine.containers.start(id);
      await held(id);
      const { sentBytes } = (await use(id)).network;
      assert.ok(sentBytes >= 100_000 && sentBytes < 200_000, `${sentBytes} bytes`);
      await engine.containers.remove(id);
      await engine.networks.remove(network.id);
    });

    test('many containers are measured at once, and those that do not run are left out', async () => {
      const { containers } = underTest().engine;
      const { id: ended } = await started('true');
      await containers.wait(ended, patience());
      const unborn = await containers.create(underTest().spec('true'));
      const running = await Promise.all(Array.from({ length: 12 }, async () => (await started('sleep 60')).id));
      const stats = await containers.stats([ended, 'nobody-here', unborn, ...running], patience());
      assert.deepEqual([...stats.keys()].toSorted(), running.toSorted());
      assert.deepEqual(await containers.stats([], patience()), new Map());
      await Promise.all([ended, unborn, ...running].map((id) => containers.remove(id)));
    });

    test('measuring ends when it is aborted', async () => {
      const { id, containers } = await started('sleep 60');
      await assert.rejects(containers.stats([id], AbortSignal.abort()), { code: 'cancelled' });
      await containers.remove(id);
    });
  });

  describe('changing limits', { concurrency: 3 }, () => {
    test("a running container's limits grow and shrink, and memory and swap stay one limit", async () => {
      const { id, containers } = await started('while read what; do echo "$what"; done', { openStdin: true });
      await containers.update(id, { memoryBytes: 128 * megabyte, cpus: 0.2, cpuShares: 512, pids: 20 });
      assert.equal((await use(id)).memory.limitBytes, 128 * megabyte);
      await containers.update(id, { memoryBytes: 32 * megabyte });
      assert.equal((await use(id)).memory.limitBytes, 32 * megabyte);
      assert.equal((await containers.inspect(id))?.status, 'running');
      await containers.remove(id);
    });

    test('a process that uses more than the new memory limit is killed, and swap does not help', async () => {
      const { id, containers } = await started(`read go; ${holding(40)}`, { openStdin: true });
      const { stdin } = await containers.attach(id, patience());
      await containers.update(id, { memoryBytes: 24 * megabyte });
      stdin.end('go\n');
      assert.equal((await containers.wait(id, patience())).exitCode, 137);
      await containers.remove(id);
    });

    test('a new process limit is enforced', async () => {
      const { id, containers } = await started('read go; for i in 1 2 3 4 5 6 7 8 9; do sleep 60 & done; echo forked', {
        openStdin: true,
      });
      const { stdin, stdout, stderr } = await containers.attach(id, patience());
      stdout.resume();
      let refusal = '';
      stderr.on('data', (chunk: Buffer) => (refusal += chunk.toString()));
      await containers.update(id, { pids: 5 });
      stdin.end('go\n');
      await eventually('the sixth is refused', () => /fork/i.test(refusal));
      await containers.remove(id);
    });

    test('a memory limit below the memory in use is a conflict with both numbers, and changes nothing', async () => {
      const { id, containers } = await started(holding(40));
      await held(id);
      await assert.rejects(containers.update(id, { memoryBytes: 16 * megabyte, cpus: 0.3 }), {
        code: 'conflict',
        message: /uses 4\d\.\d MiB of memory: 16\.0 MiB/,
      });
      const { memory } = await use(id);
      assert.equal(memory.limitBytes, 64 * megabyte);
      assert.equal((await containers.inspect(id))?.status, 'running');
      await containers.remove(id);
    });

    test('“unlimited” is refused, and a removed container is “not found”', async () => {
      const { id, containers } = await started('sleep 60');
      const limitless = [
        { memoryBytes: 0 },
        { memoryBytes: -1 },
        { pids: 0 },
        { pids: -1 },
        { cpus: 0 },
        { cpuShares: 0 },
      ];
      for (const limits of [...limitless, { cpus: Number.NaN }]) {
        await assert.rejects(containers.update(id, limits), { code: 'invalid_params' }, JSON.stringify(limits));
      }
      await containers.remove(id);
      await assert.rejects(containers.update(id, { pids: 5 }), { code: 'not_found' });
    });
  });

  describe('pausing', { concurrency: 3 }, () => {
    test('a paused container stands still, keeps its memory and continues, and pausing twice is fine', async () => {
      const { id, containers } = await started('while :; do :; done');
      await containers.pause(id);
      await containers.pause(id);
      const paused = await containers.inspect(id);
      assert.equal(paused?.status, 'paused');
      assert.equal(paused.exitCode, null);
      assert.equal(paused.finishedAt, null);
      const before = await use(id);
      const after = await use(id);
      assert.equal(after.cpu.usedNs, before.cpu.usedNs);
      await containers.unpause(id);
      await containers.unpause(id);
      assert.equal((await containers.inspect(id))?.status, 'running');
      await eventually('it uses CPU again', async () => (await use(id)).cpu.usedNs > before.cpu.usedNs);
      await containers.remove(id);
    });

    test('a paused container keeps its address', async () => {
      const fixture = underTest();
      const { engine, runId, labels } = fixture;
      const pool = '10.213.112.0/20';
      const network = await engine.networks.create({ name: `${runId}-pause`, labels, pool, prefixLength: 28 });
      const id = await engine.containers.create(fixture.spec('sleep 60', inNetwork(network)));
      await engine.containers.start(id);
      const running = await engine.containers.inspect(id);
      await engine.containers.pause(id);
      assert.ok(running?.address);
      assert.equal((await engine.containers.inspect(id))?.address, running.address);
      await engine.containers.remove(id);
      await engine.networks.remove(network.id);
    });

    test('a paused container gets its stop signal, and can be killed and removed', async () => {
      const listening = "trap 'exit 42' TERM; echo held; while :; do sleep 0.05; done";
      const [stopped, killed, removed] = await Promise.all([
        started(listening),
        started(listening),
        started(listening),
      ]);
      const { containers } = stopped;
      for (const { id } of [stopped, killed, removed]) {
        await held(id);
        await containers.pause(id);
      }
      await containers.stop(stopped.id, 10_000);
      assert.equal((await containers.inspect(stopped.id))?.exitCode, 42);
      await containers.kill(killed.id, 'SIGKILL');
      assert.equal((await containers.wait(killed.id, patience())).exitCode, 137);
      await containers.remove(removed.id);
      assert.equal(await containers.inspect(removed.id), null);
      await Promise.all([stopped, killed].map(({ id }) => containers.remove(id)));
    });

    test('a container that does not run cannot be paused or unpaused', async () => {
      const { id, containers } = await started('true');
      await containers.wait(id, patience());
      await assert.rejects(containers.pause(id), { code: 'conflict' });
      await assert.rejects(containers.unpause(id), { code: 'conflict' });
      await containers.remove(id);
      await assert.rejects(containers.pause(id), { code: 'not_found' });
      await assert.rejects(containers.unpause(id), { code: 'not_found' });
    });
  });
}
