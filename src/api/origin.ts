import type { IncomingMessage } from 'node:http';
import type { ApiSettings } from './api-settings.ts';

const hostPattern = /^(?:[a-z0-9.-]{1,253}|\[[0-9a-f:]{2,45}\])(?::\d{1,5})?$/;

/**
 * Where the client reached this API, so that a link in the answer is one it can follow: by 127.0.0.1, by a tunnel, or
 * as api.<domain> through the resolver (which overwrites X-Forwarded-Proto). What came over the unix socket, or with a
 * Host that is none, is sent to the loopback port. Only the asker ever gets the link.
 */
export function originOf(request: IncomingMessage, settings: ApiSettings, port: number): string {
  const host = (request.headers.host ?? '').toLowerCase();
  const overTcp = request.socket.remoteAddress !== undefined;
  if (!overTcp || !hostPattern.test(host)) return `http://127.0.0.1:${port}`;
  const throughResolver = host.split(':')[0] === `api.${settings.domain}`;
  const scheme = throughResolver && request.headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
  return `${scheme}://${host}`;
}

/**
 * Whether a page of another origin sent its reader's browser here. What the browser keeps for this host, such as a
 * password that git's address asked for, must not speak for that page. Clients that are no browsers send no Origin.
 */
export function isForeignOrigin({ headers: { origin, host } }: IncomingMessage): boolean {
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}
