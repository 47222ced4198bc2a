import { z } from 'zod';
import { endpoint, time, userRef } from './endpoint.ts';

/** A name of an app, or a hostname, that is promised to an account. */
const PromisedName = z.object({
  name: z.string(),
  state: z.enum(['kept', 'allowed']).describe('kept: for the account that gave it up; allowed: by an administrator'),
  account: userRef,
  until: time.nullable().describe('When a kept name becomes free; null for an allowed one'),
  created_at: time,
});

const nameParam = z.object({ name: z.string().min(1).max(253).describe('Name of an app, or a hostname') });

export const nameEndpoints = {
  listNames: endpoint({
    method: 'GET',
    path: '/platform/names',
    tag: 'names',
    summary: 'Names that are kept for the account or allowed to it; for the administrator, those of all accounts',
    response: z.array(PromisedName),
  }),
  allowName: endpoint({
    method: 'POST',
    path: '/platform/allowed-names',
    tag: 'names',
    summary: 'As administrator, let an account take a name that is reserved or belongs to who proves it',
    body: z.strictObject({
      name: z.string().max(253),
      account: z
        .string()
        .max(320)
        .optional()
        .describe("An account's e-mail address or id; default: the administrator's own"),
    }),
    response: PromisedName,
    status: 201,
  }),
  disallowName: endpoint({
    method: 'DELETE',
    path: '/platform/allowed-names/{name}',
    tag: 'names',
    summary: 'As administrator, withdraw that',
    params: nameParam,
    response: PromisedName,
  }),
  releaseName: endpoint({
    method: 'DELETE',
    path: '/platform/kept-names/{name}',
    tag: 'names',
    summary: 'As administrator, free a name that is kept for its last owner',
    params: nameParam,
    response: PromisedName,
  }),
};
