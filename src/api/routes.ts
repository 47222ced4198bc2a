import type { RouteDeps } from './route-deps.ts';
import type { Routes } from './route-types.ts';
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
import { nameRoutes } from './routes/names.ts';
import { networkRoutes } from './routes/networks.ts';
import { platformRoutes } from './routes/platform.ts';
import { releaseRoutes } from './routes/releases.ts';

/** The functions for all rows of the contract. */
export function createRoutes(deps: RouteDeps): Routes {
  return {
    ...accountRoutes(deps),
    ...appRoutes(deps),
    ...authorizationRoutes(deps),
    ...buildRoutes(deps),
    ...configVarRoutes(deps),
    ...domainRoutes(deps),
    ...dynoRoutes(deps),
    ...emptyListRoutes,
    ...formationRoutes(deps),
    ...logSessionRoutes(deps),
    ...nameRoutes(deps),
    ...networkRoutes(deps),
    ...platformRoutes(deps),
    ...releaseRoutes(deps),
  };
}
