import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { must, TestPlatform } from '../support/platform.ts';
import { isAlive } from '../support/processes.ts';
import { pythonApp } from '../support/sample-apps.ts';

describe('a platform', () => {
  let paas: TestPlatform;
  let repo: string;
  before(async () => {
    paas = await TestPlatform.start();
    repo = await paas.deployed('tough', pythonApp('one'));
  });
  after(() => paas[Symbol.asyncDispose]());

  const serves = (marker: string) =>
    eventually(`${marker} is served`, async () => (await paas.http('tough')).body === marker);
  const only = () =>
    eventually('one container runs', async () => {
      const [container, ...others] = await paas.containers('tough');
      return container && others.length === 0 ? container : null;
    });

  it('replaces an instance whose process died, and logs it', async () => {
    const before = await only();
    await paas.http('tough', '/crash').catch(() => undefined);
    await serves('one');
    assert.notEqual((await only()).id, before.id);
    await eventually('the log tells', async () =>
      /Process exited with status 7/.test((await paas.paas(['logs'], { cwd: repo })).stdout),
    );
  });

  it('replaces a container that somebody removed behind its back', async () => {
    const before = await only();
    await paas.engine.containers.remove(before.id);
    await eventually(
      'another one serves',
      async () => {
        const [container] = await paas.containers('tough');
        return container && container.id !== before.id && (await paas.http('tough')).body === 'one';
      },
      { deadlineMs: 30_000 },
    );
  });

  it('goes on serving while the orchestrator is dead, and adopts the same container again', async () => {
    const before = await only();
    const pid = paas.orchestratorPid();
    process.kill(pid, 'SIGKILL');
    for (let count = 0; count < 20; count += 1) assert.equal((await paas.http('tough')).body, 'one');
    await eventually(
      'it is back',
      async () => paas.orchestratorPid() !== pid && (await paas.api('/healthz')).status === 200,
    );
    assert.equal((await only()).id, before.id);
  });

  it('goes on serving after the resolver was killed', async () => {
    const pid = paas.resolverPid();
    process.kill(pid, 'SIGKILL');
    await eventually(
      'another resolver serves',
      async () => paas.resolverPid() !== pid && (await paas.http('tough')).body === 'one',
    );
  });

  it('keeps the old version when the orchestrator is killed in the middle of a deploy', async () => {
    const slow = pythonApp('two', { 'server.py': `import time\ntime.sleep(3)\n${pythonApp('two')['server.py']}` });
    await paas.commit('tough', slow);
    const push = paas.push(repo);
    await eventually(
      'the new instance runs beside the old one',
      async () => (await paas.containers('tough')).length === 2,
      { deadlineMs: 30_000 },
    );
    process.kill(paas.orchestratorPid(), 'SIGKILL');
    assert.notEqual((await push).code, 0);
    await serves('one');
    await eventually('only the old one is left', async () => (await paas.containers('tough')).length === 1, {
      deadlineMs: 30_000,
    });
    await serves('one');
    await must(paas.push(repo));
    await serves('two');
  });

  it('cancels the deploy of a pusher who leaves, and the next push works', async () => {
    await paas.commit(
      'tough',
      pythonApp('three', { 'server.py': `import time\ntime.sleep(20)\n${pythonApp('three')['server.py']}` }),
    );
    // Ctrl-C goes to git and its child processes, as on a terminal.
    const push = spawn('git', ['push', 'paas', 'main'], { cwd: repo, env: paas.env, stdio: 'ignore', detached: true });
    await eventually('the new instance runs', async () => (await paas.containers('tough')).length === 2, {
      deadlineMs: 30_000,
    });
    process.kill(-(push.pid ?? 0), 'SIGINT');
    await eventually('it is gone', async () => (await paas.containers('tough')).length === 1, { deadlineMs: 10_000 });
    await paas.commit('tough', pythonApp('four'));
    await must(paas.push(repo));
    await serves('four');
  });

  it('leaves the apps running when it is stopped, and adopts them when it is started again', async () => {
    const before = await only();
    await paas.stop();
    assert.ok(!isAlive(paas.launcherPid));
    const state = await paas.engine.containers.inspect(before.id);
    assert.equal(state?.status, 'running');
    await paas.launch();
    await serves('four');
    assert.equal((await only()).id, before.id);
  });
});
