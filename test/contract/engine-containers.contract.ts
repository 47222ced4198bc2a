import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import type { UnderTest } from './engine.contract.ts';

const never = new AbortController().signal;

export function containersContract(underTest: UnderTest): void {
  describe('containers', { concurrency: 3 }, () => {
    test('a container runs its program as its user, and its exit code is reported', async () => {
      const { stdout, exitCode } = await underTest().run('id -u; echo "$GREETING"; exit 7', {
        env: { GREETING: 'quotes " \' $HOME\nnew line, UTF-8: ü' },
      });
      assert.equal(stdout, '10001\nquotes " \' $HOME\nnew line, UTF-8: ü\n');
      assert.equal(exitCode, 7);
    });

    test('its state is reported: created, running, exited', async () => {
      const { engine, spec, labels } = bound(underTest);
      const asked = spec('read line', { openStdin: true, hostname: 'web-1', workingDir: '/home' });
      const id = await engine.containers.create(asked);
      const created = await engine.containers.inspect(id);
      assert.deepEqual(
        { ...created, imageId: null },
        {
          id,
          name: asked.name,
          labels,
          status: 'created',
          imageId: null,
          exitCode: null,
          oomKilled: false,
          address: null,
          startedAt: null,
          finishedAt: null,
        },
      );
      await engine.containers.start(id);
      const running = await engine.containers.inspect(id);
      assert.equal(running?.status, 'running');
      assert.ok(running.startedAt instanceof Date);
      await engine.containers.kill(id, 'SIGKILL');
      assert.deepEqual(await engine.containers.wait(id, never), { exitCode: 137, oomKilled: false });
      const exited = await engine.containers.inspect(id);
      assert.equal(exited?.status, 'exited');
      assert.equal(exited.exitCode, 137);
      assert.ok(exited.finishedAt instanceof Date);
      const listed = (await engine.containers.list(labels)).find((container) => container.id === id);
      assert.deepEqual(listed, exited);
      await engine.containers.remove(id);
      assert.equal(await engine.containers.inspect(id), null);
    });

    test('create, start, stop, kill and remove can be called twice', async () => {
      const { engine, spec } = bound(underTest);
      const asked = spec('sleep 60');
      const id = await engine.containers.create(asked);
      assert.equal(await engine.containers.create(asked), id);
      await engine.containers.start(id);
      await engine.containers.start(id);
      assert.equal(await engine.containers.create(asked), id);
      await engine.containers.stop(id, 5_000);
      await engine.containers.stop(id, 5_000);
      await engine.containers.kill(id, 'SIGKILL');
      await Promise.all([engine.containers.remove(id), engine.containers.remove(id)]);
      await engine.containers.remove(id);
      await engine.containers.stop(id, 1_000);
      await engine.containers.kill(id, 'SIGTERM');
    });

    test('a container with the same name and other labels is not ours', async () => {
      const { engine, spec, labels } = bound(underTest);
      const asked = spec('true');
      const id = await engine.containers.create(asked);
      await assert.rejects(engine.containers.create({ ...asked, labels: { ...labels, other: 'yes' } }), {
        code: 'conflict',
      });
      await engine.containers.remove(id);
    });

    test('a missing container is “not found”, with its name in the message', async () => {
      const { containers } = underTest().engine;
      await assert.rejects(containers.start('nobody-here'), { code: 'not_found', message: /nobody-here/ });
      await assert.rejects(containers.wait('nobody-here', never), { code: 'not_found' });
      await assert.rejects(containers.attach('nobody-here', never), { code: 'not_found' });
      const { spec } = bound(underTest);
      await assert.rejects(containers.create(spec('true', { image: 'no-such-image:1' })), {
        code: 'not_found',
        message: /no-such-image/,
      });
    });

    test('a process that reacts to its stop signal ends without a kill', async () => {
      const { engine, spec } = bound(underTest);
      for (const [stopSignal, name] of [
        ['SIGINT', 'INT'],
        ['SIGRTMIN+3', 'RTMIN+3'],
        ['3', 'QUIT'],
      ] as const) {
        const script = `trap 'exit 42' ${name}; echo listening; while :; do sleep 0.05; done`;
        const id = await engine.containers.create(spec('', { command: ['bash', '-c', script], stopSignal }));
        await engine.containers.start(id);
        // A signal before the program handles it would end it.
        for await (const _line of engine.containers.logs(id, { follow: true }, AbortSignal.timeout(scaled(10_000))))
          break;
        await engine.containers.stop(id, 10_000);
        assert.equal((await engine.containers.inspect(id))?.exitCode, 42, stopSignal);
        await engine.containers.remove(id);
      }
    });

    test('a process that ignores its stop signal is killed when the grace period is over, not at the next full second', async () => {
      const { engine, spec } = bound(underTest);
      const id = await engine.containers.create(spec("trap '' TERM; echo deaf; while :; do sleep 0.05; done"));
      await engine.containers.start(id);
      await eventually('the process is deaf', async () => {
        for await (const _line of engine.containers.logs(id, { follow: false }, never)) return true;
        return false;
      });
      const begun = Date.now();
      await engine.containers.stop(id, 1_100);
      const state = await engine.containers.inspect(id);
      const livedMs = (state?.finishedAt?.getTime() ?? 0) - begun;
      assert.ok(livedMs >= 1_000 && livedMs < 1_950, `it lived ${livedMs} ms`);
      assert.equal(state?.exitCode, 137);
      await engine.containers.remove(id);
    });

    test('waiting for the end works before the start, while it runs and after the end', async () => {
      const { engine, spec } = bound(underTest);
      const id = await engine.containers.create(spec('exit 5'));
      const early = engine.containers.wait(id, never);
      await engine.containers.start(id);
      assert.deepEqual(await early, { exitCode: 5, oomKilled: false });
      assert.deepEqual(await engine.containers.wait(id, never), { exitCode: 5, oomKilled: false });
      await engine.containers.remove(id);
    });

    test('waiting ends when it is aborted', async () => {
      const { engine, spec } = bound(underTest);
      const id = await engine.containers.create(spec('sleep 60'));
      const patience = new AbortController();
      const waiting = engine.containers.wait(id, patience.signal);
      setTimeout(() => patience.abort(), 50);
      await assert.rejects(waiting, { code: 'cancelled' });
      await engine.containers.remove(id);
    });

    test('a missing program is named in the error', async () => {
      const { exitCode, stderr } = await underTest().run('', { entrypoint: ['/no/such/server'], command: [] });
      assert.equal(exitCode, 127);
      assert.match(stderr, /\/no\/such\/server/);
    });

    test('the bytes that a container wrote to its own disk are measured', async () => {
      const fixture = underTest();
      const { containers } = fixture.engine;
      const labels = { ...fixture.labels, 'paas.test': 'disk' };
      const id = await containers.create(
        fixture.spec('dd if=/dev/zero of=/home/file bs=1M count=5; dd if=/dev/zero of=/tmp/file bs=1M count=9', {
          labels,
        }),
      );
      await containers.start(id);
      await containers.wait(id, AbortSignal.timeout(scaled(30_000)));
      const used = await containers.diskUsage(labels, AbortSignal.timeout(scaled(30_000)));
      assert.deepEqual([...used.keys()], [id]);
      const megabytes = (used.get(id) ?? 0) / 1024 / 1024;
      assert.ok(megabytes >= 5 && megabytes < 6, `${megabytes} MB, and what is in memory is not on the disk`);
    });

    test('a running container can be removed', async () => {
      const { engine, spec } = bound(underTest);
      const id = await engine.containers.create(spec('sleep 60'));
      await engine.containers.start(id);
      await engine.containers.remove(id);
      assert.equal(await engine.containers.inspect(id), null);
    });
  });
}

function bound(underTest: UnderTest) {
  const fixture = underTest();
  return { engine: fixture.engine, labels: fixture.labels, spec: fixture.spec.bind(fixture) };
}
