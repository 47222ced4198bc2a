import { z } from 'zod';
import { endpoint, id, time } from './endpoint.ts';

export const Account = z.object({
  id,
  email: z.string(),
  name: z.string().nullable(),
  created_at: time,
  updated_at: time,
  last_login: time.nullable(),
  verified: z.boolean(),
  beta: z.boolean(),
  allow_tracking: z.boolean(),
  two_factor_authentication: z.boolean(),
  suspended_at: time.nullable(),
  default_team: z.null(),
});
export type Account = z.infer<typeof Account>;

export const accountEndpoints = {
  infoAccount: endpoint({
    method: 'GET',
    path: '/account',
    tag: 'account',
    summary: 'The account that the token belongs to',
    response: Account,
  }),
};
