import { credentialsPath } from '../cli/credentials.ts';
import type { Settings } from '../config.ts';
import { type Environment, environment } from '../environment.ts';
import { apiUrl } from './addresses.ts';
import { commandLink, linkAdvice } from './steps/command-link.ts';

/** The last thing that `npm start` prints: where it is and what to type next. */
export function readyMessage(settings: Settings, startedInMs: number, env: Environment = environment()): string {
  const advice = linkAdvice();
  const paas = advice === null ? 'paas' : 'npx paas';
  const suffix = settings.httpPort === 80 ? '' : `:${settings.httpPort}`;
  return [
    '',
    `The platform is ready (${(startedInMs / 1000).toFixed(1)} s).`,
    '',
    `  API     ${apiUrl(settings)}`,
    `  Apps    http://<app>.${settings.domain}${suffix}`,
    `  Token   ${credentialsPath(env)}`,
    '',
    `  See it work    ${paas} demo`,
    `  Your own app   cd YOUR-REPOSITORY && ${paas} create NAME && git push paas main`,
    '',
    ...(advice === null ? [] : [`  To have the command ${commandLink}:  ${advice}`]),
    'Ctrl-C stops the platform; the apps run on.',
    '',
  ].join('\n');
}
