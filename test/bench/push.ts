import { type CommandResult, must, type TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';
import { engineStartMs } from './floor.ts';
import { type BenchRow, median, row } from './row.ts';

const rounds = 5;

/** The paths of a push that downloads nothing. */
export async function rows(paas: TestPlatform): Promise<readonly BenchRow[]> {
  const repo = await paas.deployed('bench-push', pythonApp('0'));
  const bare = await plainRemote(paas, repo);
  const changed = await changes(paas, repo);
  const starts = await times(rounds, () => engineStartMs(paas, 'bench-push'));
  const unchanged = await times(rounds, async () => {
    await paas.commit('bench-push', {}, 'Nothing');
    return (await must(paas.push(repo))).durationMs;
  });
  const plain = await times(rounds, async () => {
    await paas.commit('bench-push', {}, 'Nothing');
    return (await must(paas.git(repo, 'push', bare, 'main'))).durationMs;
  });
  return [
    row({
      name: 'push of an unchanged tree',
      unit: 'ms',
      ours: median(unchanged),
      floor: median(plain),
      floorName: 'git push to a bare repository on disk',
      budget: 500,
    }),
    row({
      name: 'push of one changed line, until the new version answers',
      unit: 'ms',
      ours: median(changed.map(({ liveMs }) => liveMs)),
      floor: median(starts),
      floorName: 'engine: create, start, port answers',
      budget: 1500,
    }),
    row({
      name: 'the same push, until its first line',
      unit: 'ms',
      ours: median(changed.map(({ push }) => push.firstOutputMs)),
      floor: median(plain),
      floorName: 'git push to a bare repository on disk',
      budget: 500,
    }),
    row({
      name: 'the same push, from live to its end',
      unit: 'ms',
      ours: Math.max(0, median(changed.map(({ push, liveMs }) => push.durationMs - liveMs))),
      floor: median(plain),
      floorName: 'git push to a bare repository on disk',
      budget: 500,
    }),
    await crashTold(paas),
    await treeBomb(paas, repo, median(plain)),
    await configChange(paas, repo, median(starts)),
  ];
}

async function times(count: number, measure: () => Promise<number>): Promise<readonly number[]> {
  const values: number[] = [];
  for (let index = 0; index < count; index += 1) values.push(await measure());
  return values;
}

async function plainRemote(paas: TestPlatform, repo: string): Promise<string> {
  const bare = `${repo}-bare.git`;
  await must(paas.git(repo, 'init', '-q', '--bare', bare));
  await must(paas.git(repo, 'push', bare, 'main'));
  return bare;
}

async function changes(
  paas: TestPlatform,
  repo: string,
): Promise<readonly { readonly liveMs: number; readonly push: CommandResult }[]> {
  const results: { liveMs: number; push: CommandResult }[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    await paas.commit('bench-push', pythonApp(String(round)));
    const begin = performance.now();
    const pushing = must(paas.push(repo));
    const liveMs = await untilAnswers(paas, 'bench-push', String(round), begin);
    results.push({ liveMs, push: await pushing });
  }
  return results;
}

async function untilAnswers(paas: TestPlatform, app: string, body: string, begin: number, path = '/'): Promise<number> {
  for (;;) {
    const answer = await paas.http(app, path).catch(() => null);
    if (answer?.status === 200 && answer.body === body) return performance.now() - begin;
    if (performance.now() - begin > 60_000) throw new Error(`${app} did not answer ${body} within 60 s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** From the crash, by the app's clock, to the end of the push that reports it. */
async function crashTold(paas: TestPlatform): Promise<BenchRow> {
  const repo = await paas.deployed('bench-crash', pythonApp('good'));
  const told = await times(3, async () => {
    await paas.commit(
      'bench-crash',
      {
        Procfile: 'web: python3 -u crash.py\n',
        'crash.py': 'import time\nprint("crash at", time.time())\nraise SystemExit(1)\n',
      },
      'Crash',
    );
    const { stderr, code } = await paas.push(repo);
    const ended = Date.now();
    const at = /crash at ([\d.]+)/.exec(stderr)?.[1];
    if (code !== 1 || !at) throw new Error(`the crash was not told:\n${stderr}`);
    return ended - Number(at) * 1000;
  });
  return row({
    name: 'crash at start, until the push reports it',
    unit: 'ms',
    ours: median(told),
    floor: 118_000,
    floorName: 'Dokku 0.38 (DESIGN.md §8, measured once)',
    budget: 3000,
  });
}

/** Ten nested trees with ten entries each are ten thousand million files, which must not be walked. */
async function treeBomb(paas: TestPlatform, repo: string, floor: number): Promise<BenchRow> {
  const git = async (input: string, ...args: readonly string[]) =>
    (await must(paas.run('git', args, { cwd: repo, input }))).stdout.trim();
  let entry = `100644 blob ${await git('x', 'hash-object', '-w', '--stdin')}`;
  for (let level = 0; level < 10; level += 1) {
    const names = Array.from({ length: 10 }, (_, name) => `${entry}\t${name}\n`);
    entry = `040000 tree ${await git(names.join(''), 'mktree')}`;
  }
  const bomb = await git('', 'commit-tree', '-m', 'Bomb', entry.split(' ').at(-1) ?? '');
  const told = await times(3, async () => {
    const { code, stderr, durationMs } = await paas.git(repo, 'push', '--force', 'paas', `${bomb}:refs/heads/main`);
    if (code !== 1 || !stderr.includes('more than 100,000 files')) throw new Error(`it was not refused:\n${stderr}`);
    return durationMs;
  });
  return row({
    name: 'push of a tree bomb (ten thousand million files), until it is refused',
    unit: 'ms',
    ours: median(told),
    floor,
    floorName: 'git push to a bare repository on disk',
    budget: 1000,
  });
}

async function configChange(paas: TestPlatform, repo: string, floor: number): Promise<BenchRow> {
  const values = await times(3, async () => {
    const value = String(performance.now());
    const begin = performance.now();
    await must(paas.paas(['config:set', `BENCH=${value}`], { cwd: repo }));
    return untilAnswers(paas, 'bench-push', value, begin, '/env/BENCH');
  });
  return row({
    name: 'config:set, until the new value answers',
    unit: 'ms',
    ours: median(values),
    floor,
    floorName: 'engine: create, start, port answers',
    budget: 1500,
    note: 'one start and one boot',
  });
}
