import type { Actor, Token } from '../../domain/actor.ts';
import { PlatformError } from '../../domain/errors.ts';
import type { Contract } from '../contract.ts';
import type { RouteDeps } from '../route-deps.ts';
import type { Answer, Routes } from '../route-types.ts';

type AuthorizationRoutes = Pick<
  Routes,
  'listAuthorizations' | 'infoAuthorization' | 'createAuthorization' | 'deleteAuthorization'
>;
type AuthorizationJson = Answer<Contract['infoAuthorization']>;

export function authorizationRoutes({ store, operations, clock }: RouteDeps): AuthorizationRoutes {
  const shown = (token: Token, actor: Actor) => serialize(token, { actor, now: clock.now() });
  return {
    listAuthorizations: async ({ actor }) =>
      (await store.tokens.list(actor.accountId)).map((token) => shown(token, actor)),
    async infoAuthorization({ actor, params: { authorization } }) {
      const own = await store.tokens.list(actor.accountId);
      const token = own.find(({ id, prefix }) => id === authorization || prefix === authorization);
      if (token) return shown(token, actor);
      throw new PlatformError('not_found', `You have no token ${JSON.stringify(authorization.slice(0, 64))}.`, {
        hint: 'See your tokens: paas tokens',
      });
    },
    async createAuthorization({ actor, body: { description, scope, expires_in } }) {
      const expiresAt = expires_in ? new Date(clock.now().getTime() + expires_in * 1000) : null;
      const request = { description: description ?? '', scope: scope?.[0] ?? 'global', expiresAt };
      const { secret, ...token } = await operations.createToken(request, actor);
      const json = shown(token, actor);
      return { ...json, access_token: { ...json.access_token, token: secret } };
    },
    deleteAuthorization: async ({ actor, params }) =>
      shown(await operations.revokeToken(params.authorization, actor), actor),
  };
}

function serialize(token: Token, { actor, now }: { readonly actor: Actor; readonly now: Date }): AuthorizationJson {
  const { id, description, scope, prefix, createdAt, lastUsedAt, expiresAt } = token;
  const secondsLeft = expiresAt && Math.max(0, Math.floor((expiresAt.getTime() - now.getTime()) / 1000));
  return {
    id,
    description,
    scope: [scope],
    prefix,
    created_at: createdAt.toISOString(),
    updated_at: createdAt.toISOString(),
    last_used_at: lastUsedAt?.toISOString() ?? null,
    expires_at: expiresAt?.toISOString() ?? null,
    access_token: { id, token: null, expires_in: secondsLeft },
    client: null,
    grant: null,
    refresh_token: null,
    session: null,
    user: { id: actor.accountId, email: actor.email },
  };
}
