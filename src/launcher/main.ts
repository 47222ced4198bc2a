import type { Settings } from '../config/settings.ts';
import { bringUp } from './bring-up.ts';
import { RunningPlatform } from './launch.ts';
import { LauncherLock } from './lock.ts';
import { readyMessage } from './ready-message.ts';
import { type ConfiguredMessage, newPlatformFlag, type SetUp, startSetUp } from './run-set-up.ts';
import { openServiceNotices } from './service-notices.ts';
import { Signals } from './signals.ts';
import { announceOn, endProcess, endWith, goOnUnread } from './terminal.ts';

/*
 * The launcher. First it has the visitors served, with the routes that were saved last. Then it sets the host up, and
 * keeps the platform's two programs running. It loads no package, to use little memory; the set-up runs in a process
 * that ends.
 */

/** Requests in flight get this time to be answered. */
const stopGraceMs = 20_000;

const startedMs = performance.now();
const announcer = announceOn(process.stderr);

interface Running {
  readonly lock: LauncherLock;
  readonly setUp: SetUp;
  readonly signals: Signals;
}

async function main(): Promise<number> {
  const signals = new Signals();
  const setUp = startSetUp(process.argv.slice(2), signals);
  const configured = await setUp.configured;
  if (configured === null) return await setUp.ended;
  try {
    const lock = await LauncherLock.acquire(configured.settings.home);
    try {
      return await run(configured, { lock, setUp, signals });
    } catch (error) {
      if (!signals.first.aborted) throw error;
    } finally {
      lock.release();
    }
  } finally {
    setUp.cancel();
  }
  return 0;
}

async function run({ settings, env }: ConfiguredMessage, { lock, setUp, signals }: Running): Promise<number> {
  const platform = new RunningPlatform(settings, { lock, announcer, terminal: process.stdout.isTTY, env });
  const notices = openServiceNotices();
  signals.second.addEventListener('abort', () => platform.kill());
  try {
    // The saved routes are the old platform's too, so nobody is served before it is set aside.
    if (process.argv.includes(newPlatformFlag)) {
      await platform.endLeft();
      setUp.goOn();
      const code = await setUp.ended;
      if (code !== 0) return code;
    }
    const { address, routes = 0 } = await platform.serve(signals.first);
    notices.ready('Apps are served. The platform starts.');
    const up = await bringUp(platform, { setUp, signals, announcer, notices, isServing: routes > 0 });
    if (up.code !== 0) return up.code;
    const actual: Settings = {
      ...settings,
      apiPort: up.apiPort ?? settings.apiPort,
      httpPort: address?.port ?? settings.httpPort,
    };
    notices.status('The platform is ready.');
    process.stdout.write(readyMessage(actual, performance.now() - startedMs));
    await signals.untilFirst();
    announcer.print(
      'Stopping the platform. The apps run on; press Ctrl-C again to stop waiting for requests in flight.',
    );
    return 0;
  } finally {
    notices.stopping();
    await platform.stop(stopGraceMs);
    notices.close();
  }
}

goOnUnread();
main().then(endProcess, endWith);
