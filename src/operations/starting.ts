import { PlatformError } from '../domain/errors.ts';
import { type Instance, isFinal, processName } from '../domain/instance.ts';
import type { Release } from '../domain/release.ts';
import type { Store } from '../domain/store.ts';
import { watchInstances } from './watch-instances.ts';

/**
 * Resolves when all instances are up at once. Throws `start_failed` with the reason as soon as one has ended, even if it was
 * up before; `cancelled` when the signal aborts; `timeout` after `startTimeoutMs`, when the engine does not answer. The
 * supervisor ends an instance at its boot timeout.
 */
export async function allUp(
  { instances, release }: { readonly instances: readonly Instance[]; readonly release: Release },
  { store, startTimeoutMs }: { readonly store: Store; readonly startTimeoutMs: number },
  signal: AbortSignal,
): Promise<void> {
  const ids = new Set(instances.map(({ id }) => id));
  const up = new Set<string>();
  const look = async (id: string, instance: Instance | null) => {
    if (!instance || isFinal(instance.state)) throw await notStarted(instance, release, store);
    if (instance.state === 'up') up.add(id);
    else up.delete(id);
    return up.size === ids.size;
  };
  await watchInstances({ ids, store }, look, {
    signal,
    cancelled: () => cancelled(signal),
    limitMs: startTimeoutMs,
    late: () => late(release, startTimeoutMs),
  });
}

/** A failed start, with the instance whose last lines explain it. */
export class StartFailed extends PlatformError {
  readonly instance: Instance | null;

  constructor(instance: Instance | null, message: string, hint: string) {
    super('start_failed', message, { hint });
    this.instance = instance;
  }
}

async function notStarted(instance: Instance | null, { version, appId }: Release, store: Store): Promise<StartFailed> {
  const name = instance ? processName(instance) : 'An instance';
  const reason = (instance?.reason ?? 'it was stopped').replace(/\.$/, '');
  const app = await store.apps.find(appId);
  const see = `See: paas logs${app ? ` -a ${app.name}` : ''} --release v${version}`;
  const advice = reason.startsWith('Error R10')
    ? 'Listen on 0.0.0.0, on the port that the variable PORT says. '
    : (adviceOnExit[instance?.exitCode ?? 0] ?? '');
  return new StartFailed(instance, `${name} of v${version} did not start: ${reason}.`, `${advice}${see}`);
}

/** Exit codes of a shell and of the engine's init (POSIX, "Exit Status for Commands"). */
const adviceOnExit: Readonly<Record<number, string>> = {
  126: 'Its command may not be executed. For a script in your repository: git update-index --chmod=+x FILE. ',
  127: 'Its command was not found, or the program in its first line (#!, without Windows line ends). ',
};

function late(release: Release, startTimeoutMs: number): PlatformError {
  const message = `v${release.version} was not up within ${startTimeoutMs / 1000} s.`;
  return new PlatformError('timeout', message, { hint: 'See: paas doctor' });
}

/** The signal's own reason, if it has one. */
function cancelled({ reason }: AbortSignal): PlatformError {
  return reason instanceof PlatformError
    ? reason
    : new PlatformError('cancelled', 'Cancelled before the new version served.');
}
