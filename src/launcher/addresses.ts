import type { Settings } from '../config/settings.ts';

/** The API's address for programs on this host. It cannot be reached from outside the host. */
export function apiUrl(settings: Pick<Settings, 'apiPort'>): string {
  return `http://127.0.0.1:${settings.apiPort}`;
}

/** The origins that a git remote of this platform may have on this host: the API's own, and the public one. */
export function gitOrigins(settings: Pick<Settings, 'apiPort' | 'domain' | 'httpPort'>): readonly string[] {
  const port = settings.httpPort === 80 ? '' : `:${settings.httpPort}`;
  return [apiUrl(settings), `http://git.${settings.domain}${port}`];
}
