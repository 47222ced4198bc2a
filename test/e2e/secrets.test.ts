import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { labelNames } from '../../src/domain/labels.ts';
import { eventually } from '../support/eventually.ts';
import { httpGet, must, TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';

/** Values that may be in two places only: sealed in the store, and in the environment of the app's processes. */
const canary = `canary-${randomBytes(12).toString('hex')}`;

describe('a config value', () => {
  let paas: TestPlatform;
  let everythingPrinted = '';
  before(async () => {
    paas = await TestPlatform.start({ settings: { PAAS_LOG_LEVEL: 'trace' } });
    const repo = await paas.app('sealed', pythonApp('x'));
    const said = async (...args: readonly string[]) => {
      const { stdout, stderr } = await must(paas.paas(args, { cwd: repo }));
      everythingPrinted += stderr + (args[0] === 'config:set' ? '' : stdout);
    };
    await said('config:set', `SECRET=${canary}`);
    everythingPrinted += (await must(paas.push(repo))).stderr;
    await said('config:set', `SECOND=${canary}-2`);
    await said('ps:restart');
    await said('releases');
    await said('logs', '-n', '1500');
    await eventually('it is in the process', async () => (await paas.http('sealed', '/env/SECRET')).body === canary);
  });
  after(() => paas[Symbol.asyncDispose]());

  it('is in no output, log, process list or file of the platform, and the token is not either', async () => {
    const token = await paas.token();
    const hasSecret = (text: string | Buffer) => text.includes(canary) || text.includes(token);
    assert.ok(!hasSecret(everythingPrinted), everythingPrinted);
    assert.ok(!hasSecret(paas.output), paas.output);
    const home = paas.env.PAAS_HOME ?? '';
    const files = await readdir(home, { recursive: true, withFileTypes: true });
    const searched: string[] = [];
    for (const entry of files.filter((file) => file.isFile() && !file.parentPath.includes('/runtime'))) {
      const path = join(entry.parentPath, entry.name);
      searched.push(entry.name);
      assert.ok(!hasSecret(await readFile(path)), `${path} has it in plain text`);
    }
    assert.ok(searched.includes('state.db'), 'the store was searched');
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      assert.ok(!hasSecret(line), `process ${pid} shows it`);
    }
    for (const pid of [paas.launcherPid, paas.orchestratorPid(), paas.resolverPid()]) {
      assert.ok(!hasSecret(await readFile(`/proc/${pid}/environ`)), `process ${pid} hands it to its children`);
    }
  });

  it('is in no label and no layer of an image', async () => {
    const { id } = await paas.apiJson<{ id: string }>('/apps/sealed');
    const images = await paas.engine.images.list({ [labelNames.app]: id });
    assert.ok(images.length > 0);
    assert.doesNotMatch(JSON.stringify(images), new RegExp(canary));
    const containers = await paas.engine.containers.list({ [labelNames.app]: id });
    assert.ok(containers.length > 0);
    assert.doesNotMatch(JSON.stringify(containers.map(({ name, labels }) => [name, labels])), new RegExp(canary));
    for (const image of images) {
      const { code, stdout } = await paas.run('sh', ['-c', `docker save "$0" | grep -c "$1"; true`, image.id, canary]);
      assert.deepEqual([code, stdout.trim()], [0, '0']);
    }
  });

  it("is shown by the API only to the app's owner with the token", async () => {
    const { status } = await httpGet({ port: paas.apiPort, path: '/apps/sealed/config-vars', headers: {} });
    assert.equal(status, 401);
    assert.equal((await paas.apiJson<Record<string, string>>('/apps/sealed/config-vars')).SECRET, canary);
  });
});
