import { accountEndpoints } from './contract/accounts.ts';
import { appEndpoints } from './contract/apps.ts';
import { authorizationEndpoints } from './contract/authorizations.ts';
import { buildEndpoints } from './contract/builds.ts';
import { configVarEndpoints } from './contract/config-vars.ts';
import { domainEndpoints } from './contract/domains.ts';
import { dynoEndpoints } from './contract/dynos.ts';
import { emptyListEndpoints } from './contract/empty-lists.ts';
import { formationEndpoints } from './contract/formation.ts';
import { logSessionEndpoints } from './contract/log-sessions.ts';
import { nameEndpoints } from './contract/names.ts';
import { networkEndpoints } from './contract/networks.ts';
import { platformEndpoints } from './contract/platform.ts';
import { releaseEndpoints } from './contract/releases.ts';

export { Account } from './contract/accounts.ts';
export { App, Collaborator } from './contract/apps.ts';
export { Authorization } from './contract/authorizations.ts';
export { Build } from './contract/builds.ts';
export { ConfigVars } from './contract/config-vars.ts';
export { Domain } from './contract/domains.ts';
export { AttachInput, AttachOutput, Dyno } from './contract/dynos.ts';
export type { AnswerOf, BodyOf, Endpoint, ParamsOf, QueryOf } from './contract/endpoint.ts';
export { ErrorBody, errorTable, platformErrorFrom } from './contract/errors.ts';
export { Formation } from './contract/formation.ts';
export { LogSession, logSourceNames, maxLogLines } from './contract/log-sessions.ts';
export { fillPath, mediaType } from './contract/path.ts';
export { Health, PlatformCapacity, PlatformStatus, Region, Stack } from './contract/platform.ts';
export { Release } from './contract/releases.ts';

/**
 * The API: every route once, by its operation id. The server, the command-line client and the OpenAPI document all use
 * this table. Shapes and words are those of Heroku's Platform API v3, so that its clients work. Imports nothing of the
 * server.
 */
export const contract = {
  ...accountEndpoints,
  ...authorizationEndpoints,
  ...appEndpoints,
  ...configVarEndpoints,
  ...releaseEndpoints,
  ...formationEndpoints,
  ...dynoEndpoints,
  ...buildEndpoints,
  ...logSessionEndpoints,
  ...domainEndpoints,
  ...nameEndpoints,
  ...networkEndpoints,
  ...platformEndpoints,
  ...emptyListEndpoints,
};

export type Contract = typeof contract;
export type OperationId = keyof Contract;
