import type { Routes } from './call.ts';
import type { ApiContext } from './context.ts';
import { accountRoutes } from './routes/accounts.ts';
import { appRoutes } from './routes/apps.ts';
import { authorizationRoutes } from './routes/authorizations.ts';
import { buildRoutes } from './routes/builds.ts';
import { configVarRoutes } from './routes/config-vars.ts';
import { domainRoutes } from './routes/domains.ts';
import { dynoRoutes } from './routes/dynos.ts';
import { emptyListRoutes } from './routes/empty-lists.ts';
import { formationRoutes } from './routes/formation.ts';
import { logSessionRoutes } from './routes/log-sessions.ts';
import { platformRoutes } from './routes/platform.ts';
import { releaseRoutes } from './routes/releases.ts';

/** What each row of the contract does. */
export function createRoutes(context: ApiContext): Routes {
  return {
    ...accountRoutes(context),
    ...appRoutes(context),
    ...authorizationRoutes(context),
    ...buildRoutes(context),
    ...configVarRoutes(context),
    ...domainRoutes(context),
    ...dynoRoutes(context),
    ...emptyListRoutes,
    ...formationRoutes(context),
    ...logSessionRoutes(context),
    ...platformRoutes(context),
    ...releaseRoutes(context),
  };
}
