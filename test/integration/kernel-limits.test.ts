import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { lowKernelLimits } from '../../src/host/kernel-limits.ts';
import { kernelLimitsStep } from '../../src/launcher/steps/kernel-limits.ts';
import { kernelCheck } from '../../src/orchestrator/kernel-check.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paas-sysctl-'));
  await mkdir(join(folder, 'kernel/pty'), { recursive: true });
  await mkdir(join(folder, 'fs'));
  await writeFile(join(folder, 'kernel/pid_max'), '32768\n');
  await writeFile(join(folder, 'kernel/pty/max'), '65536\n');
  await writeFile(join(folder, 'fs/file-max'), '2466177\n');
});
after(() => rm(folder, { recursive: true, force: true }));

const settings = { dockerHost: 'unix:///var/run/docker.sock', raiseLimits: true };
const signal = new AbortController().signal;

test('doctor names the limits of the kernel that a few apps could use up, and how to raise them', async () => {
  const check = kernelCheck(await lowKernelLimits(folder, 24 * 2 ** 30));
  assert.deepEqual(check, {
    name: 'kernel limits',
    state: 'warning',
    message: 'all apps share kernel.pid_max (32768), fs.file-max (2466177), and a few can use it up',
    fix: 'As root: sysctl -w kernel.pid_max=4194304; sysctl -w fs.file-max=9223372036854775807',
  });
  assert.equal(kernelCheck(await lowKernelLimits(join(folder, 'none'))).state, 'ok');
});

test('a start as root raises them and says so, unless the operator or another kernel forbids it', async () => {
  for (const others of [
    { ...settings, raiseLimits: false },
    { ...settings, dockerHost: 'tcp://10.0.0.1:2376' },
  ]) {
    assert.equal(await kernelLimitsStep(others, folder).needed(), null);
  }
  const step = kernelLimitsStep(settings, folder);
  assert.match((await step.needed()) ?? '', /^Raising limits of the kernel .*: kernel\.pid_max, fs\.file-max$/);
  const lines: string[] = [];
  await step.perform((line) => lines.push(line), signal);
  assert.deepEqual(lines, ['kernel.pid_max: 32768 to 4194304', 'fs.file-max: 2466177 to 9223372036854775807']);
  assert.match(await readFile(join(folder, 'kernel/pid_max'), 'utf8'), /^4194304/);
  assert.equal(await step.needed(), null);
});
