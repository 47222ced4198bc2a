import { mayUse } from '../domain/access.ts';
import type { Actor, Token } from '../domain/actor.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Change } from '../domain/store.ts';
import { isExpired } from './authenticate.ts';
import type { RouteDeps } from './route-deps.ts';

/** A timer of Node cannot wait longer than 24 days. */
const longestWaitMs = 24 * 60 * 60_000;

type AccessDeps = Pick<RouteDeps, 'store' | 'clock' | 'logger'>;

/** Whether the token still exists and may still use the app. For addresses that are their own secret. */
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
 * A signal that aborts when access is lost: the token is revoked or expires, or the app is destroyed. Checks after each
 * change of tokens or of the app, and when the token expires, until `signal` aborts.
 */
export function accessSignal(
  deps: AccessDeps,
  { actor, appId, signal }: { readonly actor: Actor; readonly appId: string; readonly signal: AbortSignal },
): AbortSignal {
  const { store, clock, logger } = deps;
  const lost = new AbortController();
  const either = AbortSignal.any([signal, lost.signal]);
  let expiry: NodeJS.Timeout | undefined;
  const check = async () => {
    if (either.aborted) return;
    const token = await currentToken(deps, actor, appId);
    if (!token) {
      lost.abort(new PlatformError('unauthorized', 'The token or the app that this was opened with is gone.'));
    } else if (token.expiresAt && !either.aborted) {
      clearTimeout(expiry);
      expiry = setTimeout(checkAgain, Math.min(longestWaitMs, token.expiresAt.getTime() - clock.now().getTime()));
    }
  };
  const checkAgain = () => {
    check().catch((error: unknown) => logger.warn('Access could not be checked again.', { error }));
  };
  const concerns = ({ table, id }: Change) => table === 'tokens' || (table === 'apps' && id === appId);
  const unsubscribe = store.changes.subscribe((change) => {
    if (concerns(change)) checkAgain();
  }, checkAgain);
  const stop = () => {
    unsubscribe();
    clearTimeout(expiry);
  };
  if (either.aborted) stop();
  else either.addEventListener('abort', stop, { once: true });
  // Access may have been lost since the address was opened.
  checkAgain();
  return either;
}
