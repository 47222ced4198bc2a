import { must, type TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';
import { engineStartMs } from './floor.ts';
import { type BenchRow, median, row } from './row.ts';

/** Crashes and scaling. */
export async function rows(paas: TestPlatform): Promise<readonly BenchRow[]> {
  await paas.deployed('bench-scale', pythonApp('x'));
  const one = median([
    await engineStartMs(paas, 'bench-scale'),
    await engineStartMs(paas, 'bench-scale'),
    await engineStartMs(paas, 'bench-scale'),
  ]);
  const ten = await engineStartMs(paas, 'bench-scale', 9);
  return [
    row({
      name: 'crash of the only web instance, until the next 200',
      unit: 'ms',
      ours: await crash(paas),
      floor: one,
      floorName: 'engine: create, start, port answers',
      budget: 800,
    }),
    row({
      name: 'fifth crash in a row of the only web instance, until the next 200',
      unit: 'ms',
      ours: await fifthCrash(paas),
      floor: one,
      floorName: 'engine: create, start, port answers',
      budget: 1000,
    }),
    row({
      name: 'scale from 1 to 10 instances',
      unit: 'ms',
      ours: await scale(paas),
      floor: ten,
      floorName: 'engine: nine at once, until the last port answers',
      budget: 2000,
    }),
  ];
}

async function crash(paas: TestPlatform): Promise<number> {
  const values: number[] = [];
  for (const round of [1, 2, 3]) {
    const app = `bench-crash-${round}`;
    await paas.deployed(app, pythonApp('x'));
    values.push(await untilServed(paas, app));
  }
  return median(values);
}

/** Of the app of the first round above, which has crashed once. */
async function fifthCrash(paas: TestPlatform): Promise<number> {
  const app = 'bench-crash-1';
  for (const _ of [2, 3, 4]) await untilServed(paas, app);
  return untilServed(paas, app);
}

/** Crashes the app. Gives the time until it answers again, in milliseconds. */
async function untilServed(paas: TestPlatform, app: string): Promise<number> {
  const begin = performance.now();
  await paas.http(app, '/crash').catch(() => null);
  while ((await paas.http(app).catch(() => null))?.status !== 200)
    await new Promise((resolve) => setTimeout(resolve, 5));
  return performance.now() - begin;
}

async function scale(paas: TestPlatform): Promise<number> {
  await must(paas.paas(['ps:scale', 'web=1:128M', '-a', 'bench-scale']));
  const begin = performance.now();
  await must(paas.paas(['ps:scale', 'web=10', '-a', 'bench-scale']));
  for (;;) {
    const dynos = await paas.apiJson<{ state: string }[]>('/apps/bench-scale/dynos');
    if (dynos.filter(({ state }) => state === 'up').length >= 10) return performance.now() - begin;
    if (performance.now() - begin > 60_000) throw new Error('ten instances were not up within 60 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
