import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { openLoop } from '../support/open-loop.ts';
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

  it('a kill of the launcher, then of the resolver and of the orchestrator that the next launcher adopted, fails no request', async () => {
    await using load = openLoop(paas.httpPort, { host: 'tough.localhost' });
    const [resolver, orchestrator] = [paas.resolverPid(), paas.orchestratorPid()];
    await paas.killLauncher();
    await paas.launch();
    assert.deepEqual([paas.resolverPid(), paas.orchestratorPid()], [resolver, orchestrator]);
    for (const kill of ['orchestrator', 'resolver', 'launcher'] as const) {
      const before = load.count();
      await eventually('none waits', () => load.count() > before + 10 && load.inFlight() <= 1, { everyMs: 1 });
      if (kill === 'launcher') {
        await paas.killLauncher();
        await paas.launch();
      } else {
        const pid = paas.pidOf(kill);
        if (kill === 'resolver') load.excuse();
        process.kill(pid, 'SIGKILL');
        await eventually('another one runs', () => Number.isInteger(paas.pidOf(kill)) && paas.pidOf(kill) !== pid);
      }
    }
    await serves('four');
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.deepEqual([...load.bodies], ['four']);
  });

  it('a hung resolver is replaced, and its clients are served', async () => {
    const pid = paas.resolverPid();
    await using load = openLoop(paas.httpPort, { host: 'tough.localhost' });
    process.kill(pid, 'SIGSTOP');
    await eventually('another one runs', () => Number.isInteger(paas.resolverPid()) && paas.resolverPid() !== pid);
    const before = load.count();
    await eventually('it serves', () => load.count() > before + 10);
    await load.stop();
    // What it had accepted ended with it; nobody was refused.
    assert.ok(!load.failures.includes('ECONNREFUSED'), String(load.failures));
    assert.match(paas.output, /The resolver ended: did not answer for 2 s; started again at once/);
  });

  it('serves the apps when nothing else can start, and starts the rest when it can', async () => {
    const state = join(paas.root, 'paas/state.db');
    await paas.killLauncher();
    for (const pid of [paas.resolverPid(), paas.orchestratorPid()]) process.kill(pid, 'SIGKILL');
    await eventually('both have ended', () => !isAlive(paas.resolverPid()) && !isAlive(paas.orchestratorPid()));
    await rename(state, `${state}.away`);
    await writeFile(state, 'no database'.repeat(1000));
    const launched = paas.launch();
    await serves('four');
    await eventually('it says so', () => /The apps are served. The rest is tried again in 2 s/.test(paas.output));
    await rename(`${state}.away`, state);
    await launched;
    assert.equal((await paas.api('/healthz')).status, 200);
  });

  it('is stopped with its programs after its launcher was killed', async () => {
    const programs = [paas.resolverPid(), paas.orchestratorPid()];
    await paas.killLauncher();
    assert.ok(programs.every(isAlive));
    await must(paas.paas(['platform:stop']));
    assert.ok(!programs.some(isAlive));
    await paas.launch();
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
