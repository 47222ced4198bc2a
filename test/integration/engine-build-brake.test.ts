import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import tar from 'tar-stream';
import { brakeBuildKit } from '../../src/engine/build-brake.ts';
import { EngineFixture } from '../support/engine-fixture.ts';

const isRoot = process.getuid?.() === 0;

describe('the brake on Dockerfiles', { skip: isRoot ? false : 'needs root, as the brake itself' }, () => {
  test('a step of a Dockerfile cannot take all the memory of the host', async (t) => {
    await using fixture = await EngineFixture.create();
    const info = await fixture.engine.info();
    const state = await brakeBuildKit(info);
    if (info.cgroupDriver !== 'cgroupfs') {
      assert.match(state.applied ? '' : state.reason, /control groups are kept by systemd/);
      t.diagnostic('this engine’s groups are kept by systemd, where there is no brake');
      return;
    }
    assert.deepEqual(state, { applied: true });
    const script =
      info.cgroupVersion === 1
        ? 'grep hierarchical_memory_limit /sys/fs/cgroup/memory/memory.stat'
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
      AbortSignal.timeout(60_000),
    );
    if (info.cgroupVersion === 1) {
      const limit = Number(/hierarchical_memory_limit (\d+)/.exec(said.join('\n'))?.[1]);
      assert.ok(limit > 0 && limit <= info.memoryBytes / 2, `${limit} of ${info.memoryBytes}`);
    } else {
      assert.match(said.join('\n'), /docker\/buildkit/);
    }
  });

  test('where it cannot be had, it is said why', async () => {
    const engine = { cgroupVersion: 2, cgroupDriver: 'systemd', memoryBytes: 1e9 } as const;
    assert.deepEqual(await brakeBuildKit(engine), {
      applied: false,
      reason:
        'Steps of a Dockerfile are not limited in memory and processes: the engine’s control groups are kept by systemd.',
    });
    const nowhere = await brakeBuildKit({ ...engine, cgroupDriver: 'cgroupfs' }, '/proc/nowhere');
    assert.equal(nowhere.applied, false);
  });
});
