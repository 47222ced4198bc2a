import { join } from 'node:path';
import { environment } from '../config/environment.ts';
import { paths, readSettings } from '../config/settings.ts';
import { createDockerEngine } from '../engine/docker-engine.ts';
import { environmentOf, readArguments, startHelp } from './arguments.ts';
import { prepareHome } from './home.ts';
import { endOrphans } from './launch.ts';
import { LauncherLock } from './lock.ts';
import { newPlatformFlag, setAsideLostPlatform } from './new-platform.ts';
import { requireFreePorts } from './ports.ts';
import { prepare } from './prepare.ts';
import type { PreparedMessage } from './run-set-up.ts';
import { Signals } from './signals.ts';
import { makeStartRoom } from './start-room.ts';
import { announceOn, endProcess, endWith, goOnUnread } from './terminal.ts';

/*
 * The set-up, a process of its own that the launcher runs. It loads the builder, the store, the engine and every
 * schema: 80 MB that the launcher does not need while the platform runs.
 */

async function main(): Promise<void> {
  const signals = new Signals();
  process.on('disconnect', () => signals.hear('the launcher is gone'));
  const args = process.argv.slice(2);
  const flags = readArguments(args.filter((word) => word !== newPlatformFlag));
  if (flags === 'help') return void process.stdout.write(startHelp());
  const settings = readSettings(environment(), flags);
  const announcer = announceOn(process.stderr);
  await prepareHome(settings.home);
  makeStartRoom(settings, announcer);
  const lock = await LauncherLock.acquire(settings.home);
  try {
    await endOrphans(lock.orphans, announcer);
    await requireFreePorts(settings);
    const engine = createDockerEngine({
      dockerHost: settings.dockerHost,
      cacheDir: join(paths(settings.home).cache, 'engine'),
    });
    if (args.includes(newPlatformFlag)) await setAsideLostPlatform(engine, settings, { announcer, now: new Date() });
    await prepare(engine, settings, { announcer, signal: signals.first });
  } catch (error) {
    if (!signals.first.aborted) throw error;
  } finally {
    lock.release();
  }
  if (!signals.first.aborted) await send({ type: 'prepared', settings, env: environmentOf(flags) });
}

function send(message: PreparedMessage): Promise<void> {
  return new Promise((resolve) => (process.send ? process.send(message, () => resolve()) : resolve()));
}

goOnUnread();
main().then(() => endProcess(0), endWith);
