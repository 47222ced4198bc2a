import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import tar from 'tar-stream';
import type { EngineOnHost, StepBrake } from '../../src/domain/host-hands.ts';
import { engineOnHost } from '../../src/engine/engine-on-host.ts';
import { brakeBuildKit } from '../../src/host/build-brake.ts';
import { stepMemoryBytes } from '../../src/host/step-brake.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { scaled } from '../support/deadline.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { testHands } from '../support/hands.ts';

const systemd: EngineOnHost = {
  isHere: true,
  dataRoot: '/var/lib/docker',
  cgroupVersion: 2,
  cgroupDriver: 'systemd',
  memoryBytes: 1e9,
  bridge: null,
};

describe('the limits on Dockerfile builds', { skip: isRoot() ? false : 'needs root, as the brake itself' }, () => {
  test('a step of a Dockerfile cannot take all the memory of the host, nor all that steps have together', async (t) => {
    await using fixture = await EngineFixture.create();
    const info = await engineOnHost(fixture.dockerHost)();
    using brake = await testHands.brakeSteps();
    if (info.cgroupDriver !== 'cgroupfs') {
      assert.match(brake.message, /each of their steps|control groups are kept by systemd/);
      t.diagnostic('systemd manages the groups of this engine; another test covers that');
      return;
    }
    assert.deepEqual(wordsOf(brake), { applied: true, message: 'their steps together are held to half of the memory' });
    const script =
      info.cgroupVersion === 1
        ? 'until grep -qx 2048 /sys/fs/cgroup/pids/pids.max; do sleep 0.1; done; grep hierarchical_memory_limit /sys/fs/cgroup/memory/memory.stat'
        : 'cat /proc/self/cgroup';
    const context = tar.pack();
    context.entry(
      { name: 'Dockerfile' },
      `FROM paas-test/${fixture.runId}:base\nRUN echo ${fixture.runId}; ${script}\n`,
    );
    context.finalize();
    const said: string[] = [];
    const say = (text: string) => said.push(text);
    await fixture.engine.images.buildDockerfile(
      {
        context: context.pipe(new PassThrough()),
        dockerfile: 'Dockerfile',
        tag: `paas-test/${fixture.runId}:braked`,
        labels: fixture.labels,
        buildArgs: {},
        memoryBytes: 512 * 1024 * 1024,
        cpuShares: 256,
        output: { step: say, detail: say, warn: say },
      },
      AbortSignal.timeout(scaled(60_000)),
    );
    if (info.cgroupVersion === 1) {
      const limit = Number(/hierarchical_memory_limit (\d+)/.exec(said.join('\n'))?.[1]);
      assert.ok(limit > 0 && limit <= stepMemoryBytes(info.memoryBytes), `${limit} of ${info.memoryBytes}`);
    } else {
      assert.match(said.join('\n'), /docker\/buildkit/);
    }
  });

  test('where systemd manages the cgroups, each step is limited from its start', async (t) => {
    const root = await mkdtemp(join(tmpdir(), 'paas-cgroup-'));
    t.after(() => rm(root, { recursive: true }));
    const group = async (name: string) => {
      await mkdir(join(root, 'system.slice', name), { recursive: true });
      for (const file of ['memory.max', 'memory.swap.max', 'pids.max', 'cpu.weight']) {
        await writeFile(join(root, 'system.slice', name, file), 'max');
      }
      return async () => readFile(join(root, 'system.slice', name, 'memory.max'), 'utf8');
    };
    const others = [await group('docker.service'), await group('ssh.service'), await group('docker-0a1b.scope')];
    const engine = async () => ({ ...systemd, memoryBytes: 8e9 });
    const before = await brakeBuildKit(engine, root);
    assert.equal(before.applied, false);
    await writeFile(join(root, 'system.slice/cgroup.subtree_control'), '');
    {
      using brake = await brakeBuildKit(engine, root);
      assert.deepEqual(wordsOf(brake), { applied: true, message: 'each of their steps is held to 2048 MB of memory' });
      const steps = [
        await group('system.slice:docker:vfryyp8etbhwz2bw4h06fwhs9'),
        await group('system.slice:docker:b2'),
      ];
      await eventually('both are limited', async () => {
        const limits = await Promise.all(steps.map((read) => read()));
        return limits.every((limit) => limit === String(2 * 1024 ** 3));
      });
    }
    for (const read of others) assert.equal(await read(), 'max');
  });

  test('a step gets a quarter of the memory of a large host, and no less than half of a small one', () => {
    const gibibyte = 1024 ** 3;
    assert.equal(stepMemoryBytes(64 * gibibyte), 16 * gibibyte);
    assert.equal(stepMemoryBytes(6 * gibibyte), 2 * gibibyte);
    assert.equal(stepMemoryBytes(gibibyte), gibibyte / 2);
  });

  test('if steps cannot be limited, the reason is given', async () => {
    const reason = async (engine: EngineOnHost) => {
      const { applied, message } = await brakeBuildKit(async () => engine, '/proc/nowhere');
      assert.equal(applied, false);
      return message.replace('Steps of a Dockerfile are not limited in memory and processes: ', '');
    };
    assert.equal(await reason(systemd), 'the engine’s control groups are kept by systemd.');
    assert.match(await reason({ ...systemd, cgroupDriver: 'cgroupfs' }), /ENOENT/);
    assert.equal(await reason({ ...systemd, isHere: false }), 'the engine is on another machine.');
    const silent = await brakeBuildKit(() => Promise.reject(new Error('no answer')), '/proc/nowhere');
    assert.match(silent.message, /processes: no answer\.$/);
  });
});

function wordsOf({ applied, message }: StepBrake): Pick<StepBrake, 'applied' | 'message'> {
  return { applied, message };
}
