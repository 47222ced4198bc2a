import type { PlatformError } from '../domain/errors.ts';
import { LostChangeError } from './errors.ts';
import type { Route } from './route.ts';
import { shellQuote } from './terminal-text.ts';

export type ChangingRoute = Exclude<Route, `GET ${string}` | 'POST /apps/{app}/log-sessions'>;

/** What a person does next when the answer to a change was lost. */
interface Truth {
  /** What may be so all the same. */
  readonly may: string;
  /** The command that shows whether it is so. `APP` stands for `-a` and the app. */
  readonly command: string;
}

const live: Truth = { may: 'The change may still go live', command: 'paas releases APP' };
const instances: Truth = { may: 'The change may still take effect', command: 'paas ps APP' };
const names: Truth = { may: 'The change may still take effect', command: 'paas names' };
const domains: Truth = { may: 'The change may still take effect', command: 'paas domains APP' };

const networks: Truth = { may: 'The change may still take effect', command: 'paas networks APP' };

/** A route that changes something does not compile until it is here. */
const truths: { readonly [R in ChangingRoute]: Truth } = {
  'POST /apps': { may: 'The app may have been made', command: 'paas apps' },
  'PATCH /apps/{app}': { may: 'The change may still take effect', command: 'paas apps, paas maintenance APP' },
  'DELETE /apps/{app}': { may: 'The app may be gone', command: 'paas apps' },
  'DELETE /apps/{app}/build-cache': {
    may: 'The cache may be purged, and purging it again does no harm',
    command: 'paas cache:purge APP',
  },
  'PATCH /apps/{app}/config-vars': live,
  'POST /apps/{app}/releases': live,
  'PATCH /apps/{app}/formation': instances,
  'PATCH /apps/{app}/formation/{type}': instances,
  'POST /apps/{app}/dynos': { may: 'The command may have been started', command: 'paas ps APP' },
  'DELETE /apps/{app}/dynos': instances,
  'DELETE /apps/{app}/dynos/{dyno}': instances,
  'DELETE /apps/{app}/formations/{type}': instances,
  'POST /apps/{app}/dynos/{dyno}/actions/stop': instances,
  'POST /apps/{app}/formations/{type}/actions/stop': instances,
  'POST /apps/{app}/domains': domains,
  'DELETE /apps/{app}/domains/{domain}': domains,
  'POST /apps/{app}/networks': networks,
  'DELETE /apps/{app}/networks/{network}': networks,
  'POST /oauth/authorizations': {
    may: 'A token that nobody knows may have been made',
    command: 'paas tokens, and then paas tokens:revoke',
  },
  'POST /platform/allowed-names': names,
  'DELETE /platform/allowed-names/{name}': names,
  'DELETE /platform/kept-names/{name}': names,
  'DELETE /oauth/authorizations/{authorization}': { may: 'The token may be revoked', command: 'paas tokens' },
};

/** The error of a change whose answer was lost. `app` is undefined for a change of no app. */
export function lostChange(error: PlatformError, route: ChangingRoute, app: string | undefined): LostChangeError {
  const { may, command } = truths[route];
  const see = command.replaceAll(' APP', app === undefined ? '' : ` -a ${shellQuote(app)}`);
  return new LostChangeError(error, { hint: `The answer was lost. ${may}: ${see}`, see });
}

export function isChanging(route: Route): route is ChangingRoute {
  return route in truths;
}
