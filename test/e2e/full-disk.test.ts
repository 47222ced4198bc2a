import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { isRoot } from '../../src/system/privileges.ts';
import { eventually } from '../support/eventually.ts';
import { TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';
import { SmallDisk } from '../support/small-disk.ts';

const mebibyte = 1024 * 1024;

it('a full disk, and then a kill of each program, ends nothing: apps answer, a start works, nothing acknowledged is lost', async (t) => {
  if (!isRoot()) return t.skip('only root can mount a small disk');
  const root = await mkdtemp(join(tmpdir(), 'paas-full-'));
  const disk = new SmallDisk(join(root, 'paas'), { bytes: 320 * mebibyte });
  const paas = await TestPlatform.start({ root, settings: { PAAS_RESERVE_MIB: '16' } });
  try {
    const repo = await paas.deployed('tough', pythonApp('one'));
    const serves = () =>
      eventually('the app answers', async () => (await paas.http('tough')).body === 'one', { deadlineMs: 30_000 });
    const reserved = () =>
      eventually('the reserve is whole', async () => /16 MiB of 16 MiB/.test((await paas.paas(['doctor'])).stdout), {
        deadlineMs: 60_000,
      });
    const acknowledged: Record<string, string> = {};
    /** Sets a var. It must go through, or be refused in words. */
    const change = async (name: string) => {
      const { code, stderr } = await paas.paas(['config:set', `${name}=1`], { cwd: repo });
      if (code === 0) acknowledged[name] = '1';
      else assert.match(stderr, /The disk is full \(\d+ (bytes|KiB) of .* free\).*[\s\S]*Free some space/);
      return code;
    };
    const keepsAll = async () => {
      const { code, stdout, stderr } = await paas.paas(['config', '--json'], { cwd: repo });
      assert.equal(code, 0, stderr);
      const { ...found } = JSON.parse(stdout);
      for (const name of Object.keys(acknowledged)) assert.equal(found[name], '1', name);
    };
    await reserved();
    disk.fill();
    assert.equal(await change('ON_A_FULL_DISK'), 0, 'goes through by the reserve');
    disk.fill();

    process.kill(paas.orchestratorPid(), 'SIGKILL');
    await serves();
    await eventually('the API is back', async () => (await paas.api('/healthz')).status === 200, {
      deadlineMs: 30_000,
    });
    await keepsAll();
    disk.fill();
    await change('AFTER_THE_ORCHESTRATOR');

    process.kill(paas.resolverPid(), 'SIGKILL');
    await serves();
    disk.fill();
    await change('AFTER_THE_RESOLVER');

    await paas.killLauncher();
    disk.fill();
    await paas.launch();
    await serves();
    await keepsAll();
    assert.match((await paas.paas(['doctor'])).stdout, /disk reserve +(the disk is full|\d)/i);

    disk.empty();
    assert.equal(await change('WITH_SPACE_AGAIN'), 0);
    await reserved();
    await serves();
    await keepsAll();
  } catch (error) {
    t.diagnostic(paas.output.slice(-6000));
    throw error;
  } finally {
    await paas.stop();
    disk[Symbol.dispose]();
    await paas[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  }
});
