import { mayUse } from '../domain/access.ts';
import type { Actor } from '../domain/actor.ts';
import { PlatformError } from '../domain/errors.ts';
import { isExpired } from './authenticate.ts';
import type { ApiContext } from './context.ts';

/** A revoked token ends what it opened within two seconds. */
const everyMs = 1_000;

type WatchContext = Pick<ApiContext, 'store' | 'clock' | 'logger'>;

/** Whether the token and the app that a secret address stands for are still there, and still belong together. */
export async function stillAllowed({ store, clock }: WatchContext, actor: Actor, appId: string): Promise<boolean> {
  const app = await store.apps.find(appId);
  if (!app || !mayUse(actor, app)) return false;
  const tokens = await store.tokens.list(actor.accountId);
  return tokens.some((token) => token.prefix === actor.tokenPrefix && !isExpired(token, clock.now()));
}

/** A signal that aborts when access is lost; looked at every second until `signal` aborts. */
export function accessSignal(
  context: WatchContext,
  { actor, appId, signal }: { readonly actor: Actor; readonly appId: string; readonly signal: AbortSignal },
): AbortSignal {
  const lost = new AbortController();
  const look = async () => {
    if (!(await stillAllowed(context, actor, appId))) {
      lost.abort(new PlatformError('unauthorized', 'The token or the app that this was opened with is gone.'));
    }
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => context.logger.warn('Access could not be looked at again.', { error }));
  }, everyMs);
  const stop = () => clearInterval(timer);
  signal.addEventListener('abort', stop, { once: true });
  lost.signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  return AbortSignal.any([signal, lost.signal]);
}
