import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { environment } from '../../src/config/environment.ts';
import { labelNames } from '../../src/domain/labels.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { chainsOf } from '../../src/host/firewall-rules.ts';
import { sweepClaims } from '../support/claims.ts';
import { testDockerHost } from '../support/engine-fixture.ts';
import { runProgram, TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';

const claims = mkdtempSync(join(tmpdir(), 'paas-claims-'));
after(() => rmSync(claims, { recursive: true }));

async function leavingProcess() {
  const program = join(import.meta.dirname, '../support/leftover-maker.ts');
  const child = spawn(process.execPath, [program], {
    env: { ...environment(), PAAS_TEST_CLAIMS: claims },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const made = JSON.parse(line) as { readonly platformId: string; readonly folders: readonly string[] };
  const kill = async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { ...made, kill };
}

async function countOf(platformId: string): Promise<readonly number[]> {
  const engine = createDockerEngine({ dockerHost: testDockerHost() });
  const labels = { [labelNames.platform]: platformId };
  const { containers, networks, volumes, images } = engine;
  const all = await Promise.all([containers, networks, volumes, images].map((kind) => kind.list(labels)));
  return all.map(({ length }) => length);
}

test('leftovers of a killed test process are removed by the next one, and those of a running one are not', async () => {
  const { platformId, folders, kill } = await leavingProcess();
  await sweepClaims(claims);
  assert.deepEqual(await countOf(platformId), [1, 1, 1, 1]);
  assert.ok(folders.every((folder) => existsSync(folder)));
  await kill();
  await sweepClaims(claims);
  assert.deepEqual(await countOf(platformId), [0, 0, 0, 0]);
  assert.ok(folders.every((folder) => !existsSync(folder)));
  assert.deepEqual(readdirSync(claims), []);
});

test('after a test nothing of its platform is left: in the engine, on the disk, or in the firewall', async () => {
  const paas = await TestPlatform.start();
  const platformId = await paas.platformId();
  await paas.deployed('gone', pythonApp('x'));
  assert.ok((await countOf(platformId)).every((count) => count > 0));
  await paas[Symbol.asyncDispose]();
  assert.deepEqual(await countOf(platformId), [0, 0, 0, 0]);
  assert.equal(existsSync(paas.root), false);
  const chains = Object.values(chainsOf(platformId));
  const { stdout: rules } = await runProgram('iptables', ['-S'], {
    cwd: '/',
    input: '',
    env: { PATH: '/usr/sbin:/sbin' },
  });
  assert.deepEqual(
    chains.filter((chain) => rules.includes(chain)),
    [],
  );
});
