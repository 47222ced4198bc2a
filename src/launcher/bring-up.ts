import { systemClock } from '../system/clock.ts';
import type { RunningPlatform } from './launch.ts';
import { newPlatformFlag, type SetUp, startSetUp } from './run-set-up.ts';
import type { ServiceNotices } from './service-notices.ts';
import type { Signals } from './signals.ts';
import { type Announcer, printError } from './terminal.ts';

const firstPauseMs = 2_000;
const longestPauseMs = 60_000;

export interface BringUpDeps {
  readonly setUp: SetUp;
  readonly signals: Signals;
  readonly announcer: Announcer;
  readonly notices: Pick<ServiceNotices, 'status'>;
  /** Whether the resolver serves apps already. */
  readonly isServing: boolean;
}

export interface BroughtUp {
  /** The exit code of a set-up that failed, else 0. */
  readonly code: number;
  readonly apiPort?: number | undefined;
}

/**
 * Sets the host up and starts the orchestrator, unless one runs already. When that fails while apps are served, they go
 * on, and it is tried again after a pause, which doubles with each failure from 2 s to 60 s. Otherwise the failure is
 * the result, or is thrown.
 */
export async function bringUp(platform: RunningPlatform, deps: BringUpDeps): Promise<BroughtUp> {
  const { signals, announcer, notices } = deps;
  const adopted = await platform.adoptOrchestrator(signals.first);
  if (adopted) {
    deps.setUp.cancel();
    return { code: 0, apiPort: adopted.apiPort };
  }
  let { setUp } = deps;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, 2 * pauseMs)) {
    const up = await attempt(platform, { ...deps, setUp });
    if (up.code === 0 || !deps.isServing || signals.first.aborted) return up;
    announcer.print(`The apps are served. The rest is tried again in ${pauseMs / 1000} s; Ctrl-C stops the platform.`);
    notices.status(`Apps are served. The rest is tried again in ${pauseMs / 1000} s.`);
    await systemClock.sleep(pauseMs, signals.first);
    setUp = startSetUp(
      process.argv.slice(2).filter((word) => word !== newPlatformFlag),
      signals,
    );
  }
}

async function attempt(platform: RunningPlatform, { setUp, signals, isServing }: BringUpDeps): Promise<BroughtUp> {
  setUp.goOn();
  const code = await setUp.ended;
  if (code !== 0 || signals.first.aborted) return { code };
  try {
    const { apiPort } = await platform.startOrchestrator(signals.first);
    return { code: 0, apiPort };
  } catch (error) {
    if (!isServing || signals.first.aborted) throw error;
    printError(error);
    return { code: 1 };
  }
}
