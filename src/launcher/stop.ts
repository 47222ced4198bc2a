import { type Environment, environment } from '../config/environment.ts';
import { paths, type Settings } from '../config/settings.ts';
import { countsAsRunning } from '../domain/containers.ts';
import type { Engine } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import { type Labels, labelNames } from '../domain/labels.ts';
import type { Store } from '../domain/store.ts';
import { isEmptyFile, lookBeside } from '../store/beside.ts';
import { platformId } from '../store/platform-id.ts';
import { openHomeStore } from '../store/store.ts';
import { systemClock } from '../system/clock.ts';
import { livingPrograms } from './living-programs.ts';
import { readLock, runningLauncher } from './lock.ts';
import { endProcesses, isRunning, type RunningProcess, signalProcess } from './running-process.ts';
import { knowsLogin } from './steps/account.ts';
import type { Announcer } from './terminal.ts';

/** Longer than the launcher waits for its programs. */
const stopTimeoutMs = 40_000;
const programGraceMs = 20_000;

/**
 * Ends the platform of this PAAS_HOME as Ctrl-C does, with the programs that a killed launcher left. Returns false when
 * none runs. Throws `timeout` after 40 s.
 */
export async function stopPlatform(settings: Settings, announcer: Announcer): Promise<boolean> {
  const holder = runningLauncher(settings.home);
  const recorded = readLock(settings.home)?.programs ?? {};
  if (holder) await stopLauncher(settings, holder.launcher, announcer);
  const living = Object.values(await livingPrograms(settings.home, recorded)).filter((program) => program !== null);
  if (living.length === 0) return holder !== null;
  const processes = living.map((program) => program.process);
  announcer.step(
    `Stopping the programs of the platform in ${settings.home} (processes ${processes.map(({ pid }) => pid).join(', ')})`,
  );
  await endProcesses(processes, programGraceMs);
  return true;
}

async function stopLauncher({ home }: Settings, launcher: RunningProcess, announcer: Announcer): Promise<void> {
  announcer.step(`Stopping the platform in ${home} (process ${launcher.pid})`);
  signalProcess(launcher, 'SIGTERM');
  const end = systemClock.monotonicMs() + stopTimeoutMs;
  while (isRunning(launcher)) {
    if (systemClock.monotonicMs() > end) {
      throw new PlatformError(
        'timeout',
        `The platform (process ${launcher.pid}) did not end within ${stopTimeoutMs / 1000} s.`,
        {
          hint: `Its logs are in ${paths(home).logs}. As the last resort: kill -9 ${launcher.pid}, and this once more`,
        },
      );
    }
    await systemClock.sleep(50);
  }
}

/** The label on everything that this PAAS_HOME's platform made. Null when there was never a platform in it. */
export async function ownLabels(settings: Settings): Promise<Labels | null> {
  const { mark } = lookBeside(settings.home);
  // A store that is lost leaves its mark, and its containers can still be found.
  if (mark !== null) return { [labelNames.platform]: mark.platformId };
  return await withStore(settings, async (store) => ({ [labelNames.platform]: await platformId(store) }));
}

/** Whether the login for this platform's address is its own. Null when there was never a platform in this PAAS_HOME. */
export async function ownsLogin(settings: Settings, env: Environment = environment()): Promise<boolean | null> {
  return await withStore(settings, (store) => knowsLogin(store, settings, env));
}

async function withStore<T>(settings: Settings, ask: (store: Store) => Promise<T>): Promise<T | null> {
  if (isEmptyFile(paths(settings.home).state)) return null;
  const store = await openHomeStore(settings.home);
  try {
    return await ask(store);
  } finally {
    await store.close();
  }
}

/**
 * Stops all the apps' containers together. The next start of the platform starts the apps again. Returns how many ran.
 */
export async function stopApps(engine: Engine, settings: Settings, labels: Labels): Promise<number> {
  const all = await engine.containers.list({ ...labels, [labelNames.role]: 'instance' });
  const running = all.filter(countsAsRunning);
  await Promise.all(running.map(({ id }) => engine.containers.stop(id, settings.stopGraceMs)));
  return running.length;
}
