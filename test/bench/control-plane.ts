import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { must, type TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';
import { type BenchRow, row } from './row.ts';

const apps = 100;
const watchMs = 20_000;
/** USER_HZ, which Linux fixes at 100 for /proc (proc(5)). */
const ticksPerSecond = 100;

/** Memory and CPU of the platform's processes with a hundred idle apps, and the time of its second start. */
export async function rows(paas: TestPlatform): Promise<readonly BenchRow[]> {
  const restart = await secondStart(paas);
  await paas.commit('idle', pythonApp('idle'));
  for (let index = 0; index < apps; index += 1) await idleApp(paas, index);
  const processes = () => [paas.launcherPid, paas.orchestratorPid(), paas.resolverPid()];
  const before = processes().map(cpuTicks);
  await new Promise((resolve) => setTimeout(resolve, watchMs));
  const ticks = processes()
    .map(cpuTicks)
    .reduce((sum, value, index) => sum + value - (before[index] ?? 0), 0);
  const resident = processes()
    .map(residentMegabytes)
    .reduce((sum, value) => sum + value, 0);
  const bare = await bareNodeMegabytes();
  const percent = (ticks / ticksPerSecond / (watchMs / 1000)) * 100;
  return [
    restart,
    row({
      name: `control plane with ${apps} idle apps: memory`,
      unit: 'MB',
      ours: resident,
      floor: bare * 3,
      floorName: 'three idle node processes',
      budget: 300,
    }),
    row({
      name: `control plane with ${apps} idle apps: CPU`,
      unit: '% of a core',
      ours: percent,
      floor: 1,
      floorName: '1 % of a core',
      budget: 5,
    }),
  ];
}

async function secondStart(paas: TestPlatform): Promise<BenchRow> {
  await paas.stop();
  const begin = performance.now();
  await paas.launch();
  const ours = performance.now() - begin;
  const again = performance.now();
  await must(paas.run(process.execPath, ['-e', '0']));
  return row({
    name: 'second npm start, until ready',
    unit: 'ms',
    ours,
    floor: performance.now() - again,
    floorName: 'one idle node process',
    budget: 5000,
  });
}

async function idleApp(paas: TestPlatform, index: number): Promise<void> {
  const name = `idle-${index}`;
  const repo = `${paas.root}/idle`;
  await must(paas.paas(['create', name, '--no-remote'], { cwd: paas.root }));
  const app = await paas.apiJson<{ git_url: string }>(`/apps/${name}`);
  const helper = `credential.helper=store --file=${paas.env.XDG_CONFIG_HOME}/paas/git-credentials`;
  await must(paas.git(repo, '-c', helper, 'push', '-q', app.git_url, 'main'));
  await must(paas.paas(['ps:scale', 'web=1:128M', '-a', name]));
}

function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

async function bareNodeMegabytes(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 5000)'], { stdio: 'ignore' });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const megabytes = residentMegabytes(child.pid ?? 0);
  child.kill();
  return megabytes;
}
