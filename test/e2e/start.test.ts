import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isRoot } from '../../src/system/privileges.ts';
import { must, TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';

const launcher = join(resolve(import.meta.dirname, '../..'), 'src/launcher/main.ts');

describe('npm start', () => {
  let paas: TestPlatform;
  before(async () => {
    paas = await TestPlatform.start();
  });
  after(() => paas[Symbol.asyncDispose]());

  it('says where everything is and what to type next', () => {
    assert.match(paas.output, new RegExp(`API\\s+http://127\\.0\\.0\\.1:${paas.apiPort}`));
    assert.match(paas.output, new RegExp(`http://<app>\\.localhost:${paas.httpPort}`));
    assert.match(paas.output, /Token\s+\S+credentials\.json/);
    assert.match(paas.output, /git push paas main/);
  });

  it('answers the health check with the versions of its parts', async () => {
    const { status, body } = await paas.api('/healthz');
    assert.equal(status, 200);
    const { versions } = JSON.parse(body) as { versions: Record<string, string> };
    for (const part of ['orchestrator', 'engine', 'resolver', 'node', 'git', 'store']) assert.ok(versions[part], part);
  });

  it('refuses a second platform in the same home, in one line that names the first', async () => {
    const { code, stderr } = await paas.run(process.execPath, [launcher]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`already running: process ${paas.launcherPid}`));
  });

  it('says which port is taken, by which process, and which setting changes it', async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
    const address = taken.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    try {
      const { code, stderr } = await paas.run(process.execPath, [launcher], {
        env: { PAAS_HOME: join(paas.root, 'other'), PAAS_HTTP_PORT: String(port), PAAS_API_PORT: '0' },
      });
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`${port}`));
      assert.match(stderr, new RegExp(`${process.pid}`));
      assert.match(stderr, /PAAS_HTTP_PORT/);
    } finally {
      taken.close();
    }
  });

  it('sets nothing up at the second start, and the apps go on', async () => {
    await paas.deployed('steady', pythonApp('steady'));
    const before = await paas.containers('steady');
    await paas.stop();
    await paas.launch();
    assert.doesNotMatch(paas.output, /----->/);
    assert.equal((await paas.http('steady')).body, 'steady');
    assert.deepEqual(
      (await paas.containers('steady')).map((container) => container.id),
      before.map((container) => container.id),
    );
  });

  it('is stopped with all apps by platform:stop --apps, and the next start runs them again', async () => {
    const platform = await paas.platformId();
    await must(paas.paas(['platform:stop', '--apps']));
    assert.deepEqual(
      (await paas.engine.containers.list({ 'paas.role': 'instance', 'paas.platform': platform })).filter(
        (container) => container.status === 'running' && container.name.includes('steady'),
      ),
      [],
    );
    await paas.launch();
    const { body } = await paas.http('steady');
    assert.equal(body, 'steady');
  });

  it('passes all checks of paas doctor', async () => {
    const { stdout, stderr, code } = await paas.paas(['doctor']);
    assert.equal(code, 0, stdout + stderr);
    // The guards that only root can set are present, or reported as missing.
    const guards = isRoot() ? /^ok +host firewall /m : /^warn +host firewall +Containers can reach/m;
    assert.match(stdout, guards);
    assert.match(
      stdout,
      /^(ok +Dockerfile builds +(their|each of their) steps|warn +Dockerfile builds +Steps of a Dockerfile are not)/m,
    );
  });
});
