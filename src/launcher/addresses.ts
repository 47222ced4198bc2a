import type { Settings } from '../config/settings.ts';

/** Where this host's own programs reach the API, and git. Nothing outside the host does. */
export function apiUrl(settings: Pick<Settings, 'apiPort'>): string {
  return `http://127.0.0.1:${settings.apiPort}`;
}

/** Every address that a git remote of this platform may have from this host: the API's own, and the public one. */
export function gitOrigins(settings: Pick<Settings, 'apiPort' | 'domain' | 'httpPort'>): readonly string[] {
  const port = settings.httpPort === 80 ? '' : `:${settings.httpPort}`;
  return [apiUrl(settings), `http://git.${settings.domain}${port}`];
}
