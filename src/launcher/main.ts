import { join } from 'node:path';
import { paths, readSettings, type Settings } from '../config.ts';
import { PlatformError } from '../domain/errors.ts';
import { createDockerEngine } from '../engine/docker-engine.ts';
import { environment } from '../environment.ts';
import { environmentOf, readArguments, startHelp } from './arguments.ts';
import { prepareHome } from './home.ts';
import { endOrphans, prepare, RunningPlatform } from './launch.ts';
import { LauncherLock } from './lock.ts';
import { requireFreePorts } from './ports.ts';
import { readyMessage } from './ready-message.ts';
import { announceOn } from './terminal.ts';

/** Long enough for requests in flight to be answered. */
const stopGraceMs = 20_000;
/** npm, a shell and the terminal may each hand on one and the same Ctrl-C. */
const sameSignalMs = 1000;

const startedMs = performance.now();
const announcer = announceOn(process.stderr);

async function main(): Promise<void> {
  const flags = readArguments(process.argv.slice(2));
  if (flags === 'help') return void process.stdout.write(startHelp());
  const settings = readSettings(environment(), flags);
  const signals = new Signals();
  await prepareHome(settings.home);
  const lock = await LauncherLock.acquire(settings.home);
  try {
    await endOrphans(lock.orphans, announcer);
    await requireFreePorts(settings);
    const engine = createDockerEngine({
      dockerHost: settings.dockerHost,
      cacheDir: join(paths(settings.home).cache, 'engine'),
    });
    await prepare(engine, settings, { announcer, signal: signals.first });
    await run(settings, { lock, signals, env: environmentOf(flags) });
  } catch (error) {
    if (!signals.first.aborted) throw error;
  } finally {
    lock.release();
  }
}

async function run(
  settings: Settings,
  {
    lock,
    signals,
    env,
  }: { readonly lock: LauncherLock; readonly signals: Signals; readonly env: Readonly<Record<string, string>> },
): Promise<void> {
  const platform = new RunningPlatform(settings, { lock, announcer, terminal: process.stdout.isTTY, env });
  signals.second.addEventListener('abort', () => platform.kill());
  try {
    const { apiPort = settings.apiPort, address } = await platform.start(signals.first);
    const actual = { ...settings, apiPort, httpPort: address?.port ?? settings.httpPort };
    process.stdout.write(readyMessage(actual, performance.now() - startedMs));
    await signals.untilFirst();
    announcer.say('Stopping the platform. The apps run on; press Ctrl-C again to stop waiting for requests in flight.');
  } finally {
    await platform.stop(stopGraceMs);
  }
}

/** What asks the platform to end: the first time in order, the second time at once. */
class Signals {
  readonly #first = new AbortController();
  readonly #second = new AbortController();
  #firstMs = 0;

  constructor() {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => this.#hear(name));
  }

  get first(): AbortSignal {
    return this.#first.signal;
  }

  get second(): AbortSignal {
    return this.#second.signal;
  }

  untilFirst(): Promise<void> {
    if (this.first.aborted) return Promise.resolve();
    return new Promise((resolve) => this.first.addEventListener('abort', () => resolve(), { once: true }));
  }

  #hear(name: string): void {
    const nowMs = performance.now();
    if (!this.first.aborted) {
      this.#firstMs = nowMs;
      this.#first.abort(new Error(name));
    } else if (nowMs - this.#firstMs > sameSignalMs) {
      this.#second.abort();
    }
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const known = error instanceof PlatformError && error.code !== 'internal';
    process.stderr.write(
      ` !     ${known || error instanceof PlatformError ? error.message : (error as Error).stack}\n`,
    );
    if (error instanceof PlatformError && error.hint) process.stderr.write(` !     ${error.hint}\n`);
    process.exit(1);
  },
);
