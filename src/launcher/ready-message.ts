import { credentialsPath } from '../config/credentials.ts';
import { type Environment, environment } from '../config/environment.ts';
import type { Settings } from '../config/settings.ts';
import { apiUrl } from './addresses.ts';
import { linkAdvice } from './steps/command-link.ts';

/** The last output of `npm start`: the platform's addresses, and what to type next. */
export function readyMessage(settings: Settings, startedInMs: number, env: Environment = environment()): string {
  const advice = linkAdvice();
  const suffix = settings.httpPort === 80 ? '' : `:${settings.httpPort}`;
  return [
    '',
    `The platform is ready (${(startedInMs / 1000).toFixed(1)} s).`,
    '',
    `  API     ${apiUrl(settings)}`,
    `  Apps    http://<app>.${settings.domain}${suffix}`,
    `  Token   ${credentialsPath(env)}`,
    '',
    // npx finds the command only in this folder. Elsewhere it would run a package of that name from the npm registry.
    ...(advice === null
      ? ['  See it work    paas demo']
      : ['  See it work    npx paas demo', `  The command    ${advice}`]),
    '  Your own app   cd YOUR-REPOSITORY && paas create NAME && git push paas main',
    '',
    'Ctrl-C stops the platform; the apps run on.',
    '',
  ].join('\n');
}
