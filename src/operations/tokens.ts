import type { Actor, Token } from '../domain/actor.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import type { IssuedToken, TokenRequest } from '../domain/operations.ts';
import type { Store } from '../domain/store.ts';
import { mintToken } from '../domain/token.ts';

const longestDescription = 200;
const controlCharacter = /\p{Cc}/u;

export async function createToken(
  { description, scope, expiresAt }: TokenRequest,
  actor: Actor,
  store: Pick<Store, 'transaction'>,
): Promise<IssuedToken> {
  if (description.length > longestDescription || controlCharacter.test(description)) {
    throw new PlatformError('invalid_params', `A description has up to ${longestDescription} characters on one line.`, {
      hint: "For example: paas tokens:create --description 'CI of shop' --scope deploy",
    });
  }
  const { token: secret, prefix, sha256 } = mintToken();
  return await store.transaction(async (tables) => {
    const { accountId } = actor;
    const token = await tables.tokens.create({ accountId, prefix, sha256, description, scope, expiresAt });
    const data = { prefix, description, scope };
    await tables.events.append(eventOf('token.created', actor, { appId: null, data }));
    return { ...token, secret };
  });
}

export async function revokeToken(prefixOrId: string, actor: Actor, store: Pick<Store, 'transaction'>): Promise<Token> {
  return await store.transaction(async (tables) => {
    const own = await tables.tokens.list(actor.accountId);
    const [token, ...others] = own.filter(({ id, prefix }) => id === prefixOrId || prefix === prefixOrId);
    if (!token) {
      throw new PlatformError('not_found', `You have no token ${JSON.stringify(prefixOrId.slice(0, 64))}.`, {
        hint: 'See your tokens: paas tokens',
      });
    }
    if (others.length > 0) {
      throw new PlatformError('conflict', `${others.length + 1} of your tokens begin with ${prefixOrId}.`, {
        hint: `Name one by its id: ${[token, ...others].map(({ id }) => id).join(', ')}`,
      });
    }
    await tables.tokens.remove(token.id);
    const { prefix, description, scope } = token;
    const data = { prefix, description, scope };
    await tables.events.append(eventOf('token.revoked', actor, { appId: null, data }));
    return token;
  });
}
