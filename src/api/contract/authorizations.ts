import { z } from 'zod';
import { tokenScopes } from '../../domain/actor.ts';
import { endpoint, id, time, userRef } from './endpoint.ts';

const longestDays = 3650;

/** A token as Heroku's API names it. */
export const Authorization = z.object({
  id,
  description: z.string(),
  scope: z.array(z.enum(tokenScopes)),
  prefix: z.string().describe('The beginning of the token: enough to recognise it, too short to use it'),
  created_at: time,
  updated_at: time,
  last_used_at: time.nullable().describe('To within ten minutes'),
  expires_at: time.nullable(),
  access_token: z.object({
    id,
    token: z.string().nullable().describe('The token itself, only in the answer to its creation'),
    expires_in: z.number().int().nullable().describe('Seconds'),
  }),
  client: z.null(),
  grant: z.null(),
  refresh_token: z.null(),
  session: z.null(),
  user: userRef,
});
export type Authorization = z.infer<typeof Authorization>;

const authorizationParam = z.object({ authorization: z.string().min(1).describe('Prefix or id of the token') });

export const authorizationEndpoints = {
  listAuthorizations: endpoint({
    method: 'GET',
    path: '/oauth/authorizations',
    tag: 'tokens',
    summary: "The account's tokens",
    response: z.array(Authorization),
  }),
  infoAuthorization: endpoint({
    method: 'GET',
    path: '/oauth/authorizations/{authorization}',
    tag: 'tokens',
    summary: 'One token',
    params: authorizationParam,
    response: Authorization,
  }),
  createAuthorization: endpoint({
    method: 'POST',
    path: '/oauth/authorizations',
    tag: 'tokens',
    summary: 'Make a token',
    body: z
      .strictObject({
        description: z.string().nullish(),
        scope: z
          .array(z.enum(tokenScopes))
          .length(1)
          .nullish()
          .describe('read: see everything; deploy: also push and roll back; global: everything'),
        expires_in: z
          .number()
          .int()
          .min(60)
          .max(longestDays * 86_400)
          .nullish()
          .describe('Seconds; without it the token is valid until it is revoked'),
      })
      .default({}),
    response: Authorization,
    status: 201,
  }),
  deleteAuthorization: endpoint({
    method: 'DELETE',
    path: '/oauth/authorizations/{authorization}',
    tag: 'tokens',
    summary: 'Revoke a token, and end the streams and terminals opened with it',
    params: authorizationParam,
    response: Authorization,
  }),
};
