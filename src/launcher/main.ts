import { parseArgs } from 'node:util';
import { environment } from '../config/environment.ts';
import { homeFolder } from '../config/home-folder.ts';
import type { Settings } from '../config/settings.ts';
import { systemClock } from '../system/clock.ts';
import { bringUp } from './bring-up.ts';
import { type PlatformParts, RunningPlatform } from './launch.ts';
import { LauncherLock } from './lock.ts';
import { offeredSockets } from './public-socket.ts';
import { readyMessage } from './ready-message.ts';
import { type ConfiguredMessage, newPlatformFlag, type SetUp, startSetUp } from './run-set-up.ts';
import { openServiceNotices } from './service-notices.ts';
import { Signals } from './signals.ts';
import { announceOn, endProcess, goOnUnread, printError } from './terminal.ts';

/*
 * The launcher. First it has the visitors served, with the routes that were saved last. Then it sets the host up, and
 * keeps the platform's two programs running. It loads no package, to use little memory; the set-up runs in a process
 * that ends.
 */

/** Requests in flight get this time to be answered. */
const stopGraceMs = 20_000;
const failurePauseMs = 2_000;

const startedMs = performance.now();
const announcer = announceOn(process.stderr);

interface Running {
  readonly lock: LauncherLock;
  readonly setUp: SetUp;
  readonly signals: Signals;
  readonly offers: PlatformParts['offers'];
}

async function main(): Promise<number> {
  const signals = new Signals();
  const offers = offeredSockets(homeFolder(environment(), homeFlag(process.argv.slice(2))));
  const setUp = startSetUp(process.argv.slice(2), signals);
  const configured = await setUp.configured;
  if (configured === null) return await setUp.ended;
  try {
    const lock = await LauncherLock.acquire(configured.settings.home);
    try {
      return await run(configured, { lock, setUp, signals, offers });
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

/** The set-up checks the flags; this one is needed before. */
function homeFlag(args: readonly string[]): { readonly home?: string } {
  const { home } = parseArgs({ args: [...args], options: { home: { type: 'string' } }, strict: false }).values;
  return typeof home === 'string' ? { home } : {};
}

async function run({ settings, env }: ConfiguredMessage, { lock, setUp, signals, offers }: Running): Promise<number> {
  const platform = new RunningPlatform(settings, { lock, announcer, terminal: process.stdout.isTTY, env, offers });
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

/** systemd starts a launcher again at once, so one that cannot start must not end at once. */
async function end(code: number): Promise<never> {
  if (code !== 0 && environment().NOTIFY_SOCKET) await systemClock.sleep(failurePauseMs);
  return await endProcess(code);
}

goOnUnread();
main().then(end, (error) => {
  printError(error);
  return end(1);
});
