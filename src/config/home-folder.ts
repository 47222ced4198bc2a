import { homedir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import type { Environment } from './environment.ts';

/** PAAS_HOME. Apart from the other settings, because the launcher needs it before they are read. */
export function homeFolder(env: Environment, flags: { readonly home?: string | undefined } = {}): string {
  return resolve(flags.home ?? (env.PAAS_HOME || defaultHome(env)));
}

function defaultHome(env: Environment): string {
  if (userInfo().uid === 0) return '/var/lib/paas';
  return join(env.XDG_DATA_HOME ?? join(env.HOME ?? homedir(), '.local', 'share'), 'paas');
}
