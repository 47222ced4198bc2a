import { timingSafeEqual } from 'node:crypto';
import type { Actor, Token } from '../domain/actor.ts';
import { PlatformError } from '../domain/errors.ts';
import { hashToken, isToken } from '../domain/token.ts';
import { type LookUpDeps, TokenLookUps } from './token-look-ups.ts';

export interface Authenticator {
  /**
   * The actor of an `Authorization` header; null when the header is missing or wrong. `client`: the address that it came
   * from, null for this machine. Throws `rate_limited` when too many wrong tokens came from there.
   */
  actorOf(authorization: string | undefined, client: string | null): Promise<Actor | null>;
  /** The id of the account that the header is likely to belong to, without a look-up. For refusals only. */
  likelyAccount(authorization: string | undefined): string | null;
}

/** People want to know the day on which a token was last used. A write per request would be too expensive. */
const touchEveryMs = 10 * 60_000;

/**
 * Accepts `Bearer <token>`, and `Basic <anything:token>` as git and netrc send it. Looks the token up by its SHA-256,
 * so that the time of the look-up and the comparison does not show how much of a guess was right.
 */
export function createAuthenticator(deps: LookUpDeps): Authenticator {
  const { store, clock } = deps;
  const lookUps = new TokenLookUps(deps);
  return {
    likelyAccount(authorization) {
      const sha256 = hashOf(authorization);
      return sha256 === null ? null : lookUps.accountOf(sha256);
    },
    async actorOf(authorization, client) {
      const sha256 = hashOf(authorization);
      if (sha256 === null) return null;
      if (!(await lookUps.allows(sha256, client))) {
        throw new PlatformError('rate_limited', `Too many wrong tokens came from ${client ?? 'this machine'}.`, {
          hint: 'Wait a minute, then sign in with a valid one: paas login',
        });
      }
      const token = await store.tokens.findBySha256(sha256);
      if (!token || !equal(token.sha256, sha256) || isExpired(token, clock.now())) return null;
      const account = await store.accounts.find(token.accountId);
      if (!account) return null;
      const now = clock.now();
      if (!token.lastUsedAt || now.getTime() - token.lastUsedAt.getTime() >= touchEveryMs) {
        await store.tokens.touch(token.id, now);
      }
      return { accountId: account.id, email: account.email, tokenPrefix: token.prefix, scope: token.scope };
    },
  };
}

/** Null for a header without the form of a token. */
function hashOf(authorization: string | undefined): string | null {
  const secret = credential(authorization ?? '');
  return secret === null || !isToken(secret) ? null : hashToken(secret);
}

export function isExpired(token: Token, now: Date): boolean {
  return token.expiresAt !== null && token.expiresAt <= now;
}

function credential(authorization: string): string | null {
  const space = authorization.indexOf(' ');
  const scheme = authorization.slice(0, Math.max(space, 0)).toLowerCase();
  const value = authorization.slice(space + 1).trim();
  if (value === '') return null;
  if (scheme === 'bearer') return value;
  if (scheme !== 'basic') return null;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon < 0 || colon === pair.length - 1 ? null : pair.slice(colon + 1);
}

function equal(left: string, right: string): boolean {
  const a = Buffer.from(left, 'hex');
  const b = Buffer.from(right, 'hex');
  return a.length === b.length && timingSafeEqual(a, b);
}
