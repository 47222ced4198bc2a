import { z } from 'zod';
import { ConfigVars } from './config-vars.ts';
import { appParam, appRef, endpoint, id, time, userRef } from './endpoint.ts';

export const Release = z.object({
  id,
  version: z.number().int(),
  description: z.string(),
  status: z.enum(['pending', 'succeeded', 'failed']),
  current: z.boolean(),
  eligible_for_rollback: z.boolean(),
  slug: z.object({ id }).nullable().describe('The artifact that the release runs; null before the first build'),
  user: userRef,
  app: appRef,
  addon_plan_names: z.array(z.string()),
  output_stream_url: z.string().nullable(),
  created_at: time,
  updated_at: time,
});
export type Release = z.infer<typeof Release>;

const releaseParam = appParam.extend({ release: z.string().min(1).describe('Id, or number with or without v') });

export const releaseEndpoints = {
  listReleases: endpoint({
    method: 'GET',
    path: '/apps/{app}/releases',
    tag: 'releases',
    summary: 'Releases of an app',
    params: appParam,
    response: z.array(Release),
    range: ['version', 'id'],
  }),
  infoRelease: endpoint({
    method: 'GET',
    path: '/apps/{app}/releases/{release}',
    tag: 'releases',
    summary: 'One release',
    params: releaseParam,
    response: Release,
  }),
  listReleaseConfigVars: endpoint({
    method: 'GET',
    path: '/apps/{app}/releases/{release}/config-vars',
    tag: 'releases',
    summary: 'The config vars as the release has them',
    params: releaseParam,
    response: ConfigVars,
  }),
  rollback: endpoint({
    method: 'POST',
    scope: 'deploy',
    path: '/apps/{app}/releases',
    tag: 'releases',
    summary: 'Make a new release with the artifact and the config of an earlier one',
    params: appParam,
    body: z
      .strictObject({
        release: z
          .union([z.string().min(1), z.number().int().positive()])
          .optional()
          .describe('Id or number; without it the one before the current one'),
      })
      .default({}),
    response: Release,
    status: 201,
  }),
};
