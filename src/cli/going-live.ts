import { setTimeout as sleep } from 'node:timers/promises';
import { PlatformError } from '../domain/errors.ts';
import { lostChange } from './lost-change.ts';
import type { Progress } from './progress.ts';
import { wasCutOff } from './repeating.ts';
import type { Session } from './session.ts';

const firstPauseMs = 30;
const longestPauseMs = 500;
/** Longer than any boot may take. The platform continues when we stop waiting. */
const patienceMs = 10 * 60_000;

/**
 * Waits until a release serves, so that "done" is true when it is printed. Throws `start_failed` when the release did not
 * start and the one before goes on serving, `timeout` after 10 minutes. Ctrl-C ends the wait, not the release.
 */
export async function untilLive(
  session: Session,
  { app, version }: { readonly app: string; readonly version: number },
  progress: Progress,
): Promise<void> {
  const api = await session.api();
  const release = `v${version}`;
  const end = performance.now() + patienceMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 1.5)) {
    const { status } = await known(app, api.call('GET /apps/{app}/releases/{release}', { params: { app, release } }));
    if (status === 'succeeded') return;
    if (status === 'failed') {
      throw new PlatformError('start_failed', `${release} did not start, and the release before it goes on serving.`, {
        hint: `See: paas logs -a ${app} --release ${release}`,
      });
    }
    if (performance.now() > end) {
      throw new PlatformError('timeout', `${release} is not live after ${patienceMs / 60_000} min.`, {
        hint: `See: paas ps -a ${app}`,
      });
    }
    progress.status(`${release} is starting`);
    await sleep(pauseMs, undefined, { signal: session.io.signal });
  }
}

/** What is read after a change was made. When that fails, the change goes on all the same. */
export async function known<T>(app: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof PlatformError) || !wasCutOff(error)) throw error;
    throw lostChange(error, 'POST /apps/{app}/releases', app);
  }
}
