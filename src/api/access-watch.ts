import { mayUse } from '../domain/access.ts';
import type { Actor, Token } from '../domain/actor.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Change } from '../domain/store.ts';
import { isExpired } from './authenticate.ts';
import type { RouteDeps } from './route-deps.ts';

/** Timers cannot wait longer than 24 days. */
const longestWaitMs = 24 * 60 * 60_000;

type AccessDeps = Pick<RouteDeps, 'store' | 'clock' | 'logger'>;

/** Whether the token and the app that a secret address stands for are still there, and still belong together. */
export async function stillAllowed(deps: AccessDeps, actor: Actor, appId: string): Promise<boolean> {
  return (await currentToken(deps, actor, appId)) !== null;
}

async function currentToken({ store, clock }: AccessDeps, actor: Actor, appId: string): Promise<Token | null> {
  const app = await store.apps.find(appId);
  if (!app || !mayUse(actor, app)) return null;
  const tokens = await store.tokens.list(actor.accountId);
  return tokens.find((token) => token.prefix === actor.tokenPrefix && !isExpired(token, clock.now())) ?? null;
}

/**
 * A signal that aborts when access is lost: the token is revoked or expires, or the app goes. Looks when the store says
 * that something of it changed, and when the token's time is over, until `signal` aborts.
 */
export function accessSignal(
  deps: AccessDeps,
  { actor, appId, signal }: { readonly actor: Actor; readonly appId: string; readonly signal: AbortSignal },
): AbortSignal {
  const { store, clock, logger } = deps;
  const lost = new AbortController();
  const either = AbortSignal.any([signal, lost.signal]);
  let expiry: NodeJS.Timeout | undefined;
  const look = async () => {
    if (either.aborted) return;
    const token = await currentToken(deps, actor, appId);
    if (!token) {
      lost.abort(new PlatformError('unauthorized', 'The token or the app that this was opened with is gone.'));
    } else if (token.expiresAt && !either.aborted) {
      clearTimeout(expiry);
      expiry = setTimeout(lookAgain, Math.min(longestWaitMs, token.expiresAt.getTime() - clock.now().getTime()));
    }
  };
  const lookAgain = () => {
    look().catch((error: unknown) => logger.warn('Access could not be looked at again.', { error }));
  };
  const concerns = ({ table, id }: Change) => table === 'tokens' || (table === 'apps' && id === appId);
  const unsubscribe = store.changes.subscribe((change) => {
    if (concerns(change)) lookAgain();
  }, lookAgain);
  const stop = () => {
    unsubscribe();
    clearTimeout(expiry);
  };
  if (either.aborted) stop();
  else either.addEventListener('abort', stop, { once: true });
  // It may have been lost since the address was opened.
  lookAgain();
  return either;
}
