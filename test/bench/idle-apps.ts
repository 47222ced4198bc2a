import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import type { TestPlatform } from '../support/platform.ts';
import { type BenchRow, median, row } from './row.ts';

const apps = 200;
/** More than the build workers, so that they always have a build to do. */
const pushersAtOnce = 4;
const megabyte = 1024 ** 2;

const server = `require('node:http').createServer((_, response) => response.end('idle')).listen(process.env.PORT);\n`;
const files = {
  'package.json': '{"name":"idle","version":"1.0.0","engines":{"node":"24.x"},"scripts":{"start":"node server.js"}}\n',
  'server.js': server,
};

/** Two hundred Node.js apps, each pushed and built by itself, with one instance of the default size; and what they cost the host. */
export async function rows(paas: TestPlatform): Promise<readonly BenchRow[]> {
  const repo = await paas.commit('idle-node', files);
  const names = Array.from({ length: apps }, (_, index) => `node-${index}`);
  const [free, platformBefore] = await Promise.all([freeMegabytes(), platformMegabytes(paas)]);
  const began = performance.now();
  const deployed = await deployAll(paas, repo, names);
  const seconds = (performance.now() - began) / 1000;
  process.stderr.write(`${deployed.length} of ${apps} apps are deployed after ${seconds.toFixed(0)} s\n`);
  const silent = await silentApps(paas, names);
  const used = free - (await freeMegabytes());
  const [platform, inUse, process_] = await Promise.all([
    platformMegabytes(paas),
    usedMegabytes(paas, deployed),
    oneProcess(paas),
  ]);
  return [
    row({
      name: `of ${apps} idle Node apps: without an answer`,
      unit: 'apps',
      ours: silent,
      floor: apps,
      floorName: 'pushed',
      budget: 0,
      note: `${seconds.toFixed(0)} s for all pushes`,
    }),
    row({
      name: 'idle Node app: memory of the host',
      unit: 'MB',
      // The platform was there before, and has grown.
      ours: (used - (platform - platformBefore)) / apps,
      floor: process_,
      floorName: 'the same program alone',
      note: `${used.toFixed(0)} MB more are in use on the host`,
    }),
    row({
      name: 'idle Node app: memory that its container uses',
      unit: 'MB',
      ours: median(inUse),
      floor: process_,
      floorName: 'the same program alone',
    }),
    row({
      name: `control plane with ${apps} idle Node apps: memory`,
      unit: 'MB',
      ours: platform,
      floor: 3 * process_,
      floorName: 'three idle node processes',
    }),
  ];
}

/** Returns the names of the apps whose push succeeded. Prints the first refusal. */
async function deployAll(paas: TestPlatform, repo: string, names: readonly string[]): Promise<readonly string[]> {
  const waiting = [...names];
  const deployed: string[] = [];
  let refused = false;
  const push = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const app = await createApp(paas, name);
      const credentials = `credential.helper=store --file=${paas.env.XDG_CONFIG_HOME}/paas/git-credentials`;
      const { code, stderr } = await paas.git(repo, '-c', credentials, 'push', '-q', app.git_url, 'main');
      if (code === 0) deployed.push(name);
      else if (!refused) process.stderr.write(`${name} after ${deployed.length} apps: ${stderr}\n`);
      refused ||= code !== 0;
    }
  };
  await Promise.all(Array.from({ length: pushersAtOnce }, push));
  return deployed;
}

async function createApp(paas: TestPlatform, name: string): Promise<{ readonly git_url: string }> {
  const answer = await fetch(`http://127.0.0.1:${paas.apiPort}/apps`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${await paas.token()}`,
      Accept: 'application/vnd.heroku+json; version=3',
      'Content-Type': 'application/json',
    },
    body: JSON.stringify({ name }),
  });
  if (answer.status !== 201) throw new Error(`POST /apps answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as { git_url: string };
}

/** The number of apps that do not answer 200 under their hostname. */
async function silentApps(paas: TestPlatform, names: readonly string[]): Promise<number> {
  const answers = await Promise.all(
    names.map(async (name) => {
      const { status, body } = await paas.http(name).catch(() => ({ status: 0, body: '' }));
      return status === 200 && body === 'idle';
    }),
  );
  return answers.filter((isRight) => !isRight).length;
}

async function freeMegabytes(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8');
  return Number(/MemAvailable:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024;
}

async function platformMegabytes(paas: TestPlatform): Promise<number> {
  const pids = [paas.launcherPid, paas.orchestratorPid(), paas.resolverPid()];
  const each = await Promise.all(pids.map(residentMegabytes));
  return each.reduce((sum, value) => sum + value, 0);
}

async function residentMegabytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024;
}

async function usedMegabytes(paas: TestPlatform, names: readonly string[]): Promise<readonly number[]> {
  const lists = await Promise.all(names.slice(0, 20).map((name) => paas.containers(name)));
  const ids = lists.flat().map(({ id }) => id);
  const stats = await paas.engine.containers.stats(ids, AbortSignal.timeout(scaled(60_000)));
  return [...stats.values()].map(({ memory }) => memory.usedBytes / megabyte);
}

/** The memory that only one process has which runs the same program without a container, after its first request. */
async function oneProcess(paas: TestPlatform): Promise<number> {
  const path = join(paas.root, 'idle-alone.js');
  await writeFile(path, server);
  const socket = join(paas.root, 'idle.sock');
  const child = spawn(process.execPath, [path], { stdio: 'ignore', env: { PORT: socket } });
  try {
    await eventually('the program listens', async () => {
      const { code } = await paas.run('test', ['-S', socket]);
      return code === 0;
    });
    const text = await readFile(`/proc/${child.pid}/smaps_rollup`, 'utf8');
    const kilobytes = [...text.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].map(([, value]) => Number(value));
    return kilobytes.reduce((sum, value) => sum + value, 0) / 1024;
  } finally {
    child.kill();
    await once(child, 'close');
  }
}
