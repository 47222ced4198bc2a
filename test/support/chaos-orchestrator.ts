import { setTimeout as delay } from 'node:timers/promises';
import type { App } from '../../src/domain/app.ts';
import { errorCode } from '../../src/domain/errors.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import type { Lease } from '../../src/domain/leases.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { EnvironmentKeeper } from '../../src/provisioner/environment-keeper.ts';
import { systemClock } from '../../src/system/clock.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { EngineFixture } from './engine-fixture.ts';
import { answering, LowerHalf } from './lower-half.ts';
import { seeded } from './seeded.ts';

/**
 * An orchestrator for a test to kill. It runs operations, three at a time, and prints a line of JSON before and after each.
 * With `rounds` 0 it only continues what is left.
 */
export interface ChaosOrder {
  readonly seed: number;
  readonly rounds: number;
  readonly run: Pick<EngineFixture, 'runId' | 'labels' | 'imageId' | 'cacheDir' | 'dockerHost'>;
  readonly home: string;
  readonly resolver: { readonly port: number; readonly socket: string };
}

export type ChaosLine =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'begun';
      readonly id: number;
      readonly verb: string;
      readonly app: string;
      readonly value?: number;
    }
  | { readonly kind: 'done'; readonly id: number; readonly release?: string }
  | { readonly kind: 'refused'; readonly id: number; readonly code: string }
  | { readonly kind: 'defect'; readonly words: string };

/** Some of the releases cannot start. */
const scripts = [
  answering('a'),
  answering('b'),
  `sleep 0.3; ${answering('c')}`,
  'exit 7',
  'exec sleep 60',
  `${answering('d')} & sleep 1; exit 1`,
] as const;

const say = (line: ChaosLine) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function main(order: ChaosOrder): Promise<void> {
  const random = seeded(order.seed);
  const half = await LowerHalf.start({
    bootTimeoutMs: 1500,
    stopGraceMs: 500,
    ground: { fixture: EngineFixture.join(order.run), home: order.home, resolver: order.resolver },
    logger: {
      ...silentLogger,
      error: (message, fields) =>
        say({ kind: 'defect', words: `${message}: ${String((fields?.error as Error)?.stack)}` }),
    },
  });
  const { deps, operations, actor } = half;
  const environments = new EnvironmentKeeper({
    environment: deps.environment,
    forget: (appId) => deps.appLog.remove(appId),
    clock: systemClock,
    logger: silentLogger,
  });
  await environments.start();
  say({ kind: 'ready' });

  const deploy = async (app: App) => {
    const script = scripts[random(scripts.length)] ?? '';
    const other = random(3) === 0 ? { worker: 'exec sleep 600' } : {};
    const work = async ({ signal }: Lease) => rollOut(await half.release(app, { web: script, ...other }), deps, signal);
    await deps.work.hold(app.id, work, { purpose: 'a deploy' });
  };
  const aContainer = async () => {
    const all = await half.fixture.engine.containers.list({ ...order.run.labels, 'paas.role': 'instance' });
    return all[random(Math.max(1, all.length))]?.id;
  };
  const { containers } = half.fixture.engine;
  const detached = { command: 'sleep 1', attach: false, tty: false, env: {}, size: fixedSize(1) };
  type Verb = (app: App, value: number) => Promise<{ readonly id: string } | undefined>;
  const nothing = () => undefined;
  /** With how often each is drawn. */
  const drawn: readonly (readonly [often: number, name: string, verb: Verb])[] = [
    [6, 'deploy', (app) => deploy(app).then(nothing)],
    [3, 'config', (app, value) => operations.changeConfig(app, { VALUE: String(value) }, actor)],
    [2, 'rollback', (app) => operations.rollback(app, null, actor)],
    [
      4,
      'scale',
      (app, value) => operations.scale(app, [{ type: 'web', quantity: { set: value } }], actor).then(nothing),
    ],
    [
      2,
      'size',
      (app, value) => operations.scale(app, [{ type: 'web', size: fixedSize(value + 1) }], actor).then(nothing),
    ],
    [2, 'restart', (app) => operations.restart(app, null, actor).then(nothing)],
    [1, 'stop', (app) => operations.stop(app, 'web.1', actor).then(nothing)],
    [1, 'run', (app) => operations.run(app, detached, actor).then(nothing)],
    [1, 'rename', (app, value) => operations.renameApp(app, `renamed-${value}-${random(1000)}`, actor).then(nothing)],
    [3, 'kill', async () => void (await containers.kill((await aContainer()) ?? 'none', 'SIGKILL'))],
    [2, 'remove', async () => void (await containers.remove((await aContainer()) ?? 'none'))],
    [1, 'destroy', (app) => operations.destroyApp(app, actor).then(nothing)],
  ];
  const verbs = drawn.flatMap(([often, ...verb]) => Array.from({ length: often }, () => verb));
  const createApp: Verb = async (_, value) => {
    const app = await operations.createApp(`app-${value}-${random(1000)}`, actor);
    await deploy(app);
    return undefined;
  };

  let id = 0;
  const act = async () => {
    const apps = await deps.store.apps.list();
    const [verb, work] =
      (apps.length < 3 ? undefined : verbs[random(verbs.length)]) ?? (['create', createApp] as const);
    const app = apps[random(Math.max(1, apps.length))];
    const value = random(4);
    const mine = ++id;
    say({ kind: 'begun', id: mine, verb, app: app?.id ?? '', value });
    try {
      const made = await work(app as App, value);
      say({ kind: 'done', id: mine, ...(made ? { release: made.id } : {}) });
    } catch (error) {
      const code = errorCode(error);
      say({ kind: 'refused', id: mine, code });
      if (code === 'internal') say({ kind: 'defect', words: `${verb}: ${(error as Error).stack}` });
    }
  };
  const lane = async () => {
    for (let count = 0; count < order.rounds; count += 1) await act();
  };
  await Promise.all([lane(), lane(), lane()]);
  await delay(600_000);
}

main(JSON.parse(process.argv[2] ?? '') as ChaosOrder).catch((error: unknown) => {
  say({ kind: 'defect', words: (error as Error).stack ?? String(error) });
  process.exit(1);
});
