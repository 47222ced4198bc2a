import { PlatformError } from '../domain/errors.ts';
import { accountEndpoints } from './contract/accounts.ts';
import { appEndpoints } from './contract/apps.ts';
import { buildEndpoints } from './contract/builds.ts';
import { configVarEndpoints } from './contract/config-vars.ts';
import { domainEndpoints } from './contract/domains.ts';
import { dynoEndpoints } from './contract/dynos.ts';
import { formationEndpoints } from './contract/formation.ts';
import { logSessionEndpoints } from './contract/log-sessions.ts';
import { platformEndpoints } from './contract/platform.ts';
import { releaseEndpoints } from './contract/releases.ts';

export { Account } from './contract/accounts.ts';
export { App, Collaborator } from './contract/apps.ts';
export { Build } from './contract/builds.ts';
export { ConfigVars } from './contract/config-vars.ts';
export { Domain } from './contract/domains.ts';
export { AttachInput, AttachOutput, Dyno } from './contract/dynos.ts';
export type { AnswerOf, BodyOf, Endpoint, ParamsOf, QueryOf } from './contract/endpoint.ts';
export { ErrorBody, errorTable, platformErrorFrom } from './contract/errors.ts';
export { Formation } from './contract/formation.ts';
export { LogSession, logSourceNames, maxLogLines } from './contract/log-sessions.ts';
export { Health, PlatformStatus, Region, Stack } from './contract/platform.ts';
export { Release } from './contract/releases.ts';

/**
 * The API: every route once, by its operation id. The server registers from this table, the command-line client calls
 * by it, the OpenAPI document is made of it. Shapes and words are Heroku's Platform API v3, so that its clients work.
 * Imports nothing of the server.
 */
export const contract = {
  ...accountEndpoints,
  ...appEndpoints,
  ...configVarEndpoints,
  ...releaseEndpoints,
  ...formationEndpoints,
  ...dynoEndpoints,
  ...buildEndpoints,
  ...logSessionEndpoints,
  ...domainEndpoints,
  ...platformEndpoints,
};

export type Contract = typeof contract;
export type OperationId = keyof Contract;

/** Sent with every request; the server takes version 3 with any suffix (`.sdk`, `.pipelines`). */
export const mediaType = 'application/vnd.heroku+json; version=3';

/**
 * `/apps/{app}` with the values in place, each encoded: a name can never become another path. Throws `invalid_params`
 * for an empty value and for the dot segments, which URL parsers resolve even when they are encoded.
 */
export function fillPath(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name] ?? '';
    if (value === '' || value === '.' || value === '..') {
      throw new PlatformError('invalid_params', `${JSON.stringify(value)} is no ${name}.`);
    }
    return encodeURIComponent(value);
  });
}
