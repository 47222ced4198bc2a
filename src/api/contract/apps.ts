import { z } from 'zod';
import { appParam, endpoint, id, time, userRef } from './endpoint.ts';

const named = z.object({ id, name: z.string() });

/**
 * Heroku's App with all its fields. Heroku's client reads `generation`, `stack`, `region` and `owner` without a check.
 */
export const App = z.object({
  id,
  name: z.string(),
  owner: userRef,
  region: named,
  stack: named,
  build_stack: named,
  generation: named,
  git_url: z.string(),
  web_url: z.string().nullable(),
  maintenance: z.boolean(),
  acm: z.boolean(),
  created_at: time,
  updated_at: time,
  released_at: time.nullable(),
  archived_at: time.nullable(),
  repo_size: z.number().int().nullable(),
  slug_size: z.number().int().nullable(),
  space: z.null(),
  team: z.null(),
  locked: z.boolean(),
  internal_routing: z.boolean().nullable(),
  process_tier: z.string(),
});
export type App = z.infer<typeof App>;

export const Collaborator = z.object({
  id,
  user: userRef,
  role: z.literal('owner'),
  permissions: z.array(z.object({ name: z.string() })),
  created_at: time,
  updated_at: time,
});
export type Collaborator = z.infer<typeof Collaborator>;

const byNameOrId = ['id', 'name', 'updated_at'] as const;

export const appEndpoints = {
  createApp: endpoint({
    method: 'POST',
    path: '/apps',
    tag: 'apps',
    summary: 'Make an app; without a name the platform chooses one',
    body: z
      .strictObject({
        name: z.string().optional(),
        region: z.string().optional().describe('The only region, by name or id'),
        stack: z.string().optional().describe('The only stack, by name or id'),
      })
      .default({}),
    response: App,
    status: 201,
  }),
  listApps: endpoint({
    method: 'GET',
    path: '/apps',
    tag: 'apps',
    summary: 'The apps that the account may use',
    response: z.array(App),
    range: byNameOrId,
  }),
  listOwnApps: endpoint({
    method: 'GET',
    path: '/users/~/apps',
    tag: 'apps',
    summary: 'The apps that the account owns',
    response: z.array(App),
    range: byNameOrId,
  }),
  infoApp: endpoint({
    method: 'GET',
    path: '/apps/{app}',
    tag: 'apps',
    summary: 'One app',
    params: appParam,
    response: App,
  }),
  updateApp: endpoint({
    method: 'PATCH',
    path: '/apps/{app}',
    tag: 'apps',
    summary: 'Rename an app, or switch its maintenance page on or off',
    params: appParam,
    body: z.strictObject({ name: z.string().optional(), maintenance: z.boolean().optional() }),
    response: App,
  }),
  deleteApp: endpoint({
    method: 'DELETE',
    path: '/apps/{app}',
    tag: 'apps',
    summary: 'Destroy an app with everything it has; answers the app as it was',
    params: appParam,
    response: App,
  }),
  listCollaborators: endpoint({
    method: 'GET',
    path: '/apps/{app}/collaborators',
    tag: 'apps',
    summary: 'Who may use the app',
    params: appParam,
    response: z.array(Collaborator),
    range: ['id'],
  }),
};
