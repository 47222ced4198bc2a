import { z } from 'zod';
import { appParam, endpoint, id, time } from './endpoint.ts';

export const LogSession = z.object({
  id,
  logplex_url: z
    .string()
    .describe('Server-sent events, one line each; the address is the secret, open it within 5 minutes'),
  created_at: time,
  updated_at: time,
});
export type LogSession = z.infer<typeof LogSession>;

/** Values of `source`. `heroku`, `platform` and `paas` all mean the platform's own lines. */
export const logSourceNames = ['app', 'heroku', 'platform', 'paas', 'build', 'router'] as const;

export const maxLogLines = 10_000;

export const logSessionEndpoints = {
  createLogSession: endpoint({
    method: 'POST',
    scope: 'read',
    path: '/apps/{app}/log-sessions',
    tag: 'logs',
    summary: "Open a view on the app's log",
    params: appParam,
    body: z
      .strictObject({
        lines: z.number().int().min(0).max(maxLogLines).nullish(),
        dyno: z.string().nullish().describe('web.1, or the type web'),
        source: z.enum(logSourceNames).nullish(),
        release: z.number().int().positive().nullish(),
        tail: z.boolean().nullish(),
      })
      .default({}),
    response: LogSession,
    status: 201,
  }),
  readLogSession: endpoint({
    method: 'GET',
    path: '/log-sessions/{secret}',
    tag: 'logs',
    summary: 'The lines: `2026-01-01T00:00:00.000000+00:00 app[web.1]: text`, resumed after Last-Event-ID',
    auth: 'none',
    params: z.object({ secret: z.string() }),
    response: z.string(),
    stream: 'events',
  }),
};
