import type { IncomingMessage } from 'node:http';
import type { ApiSettings } from './api-settings.ts';

const hostHeaderPattern = /^(?:[a-z0-9.-]{1,253}|\[[0-9a-f:]{2,45}\])(?::\d{1,5})?$/;

/**
 * The origin by which the client reached this API, so that it can follow a link in the answer: 127.0.0.1, a tunnel, or
 * api.<domain> through the resolver (which overwrites X-Forwarded-Proto). For a request over the unix socket, or with
 * an invalid Host header, it is the loopback port. Nobody but this client gets the link.
 */
export function originOf(request: IncomingMessage, settings: ApiSettings, port: number): string {
  const host = (request.headers.host ?? '').toLowerCase();
  const overTcp = request.socket.remoteAddress !== undefined;
  if (!overTcp || !hostHeaderPattern.test(host)) return `http://127.0.0.1:${port}`;
  const throughResolver = host.split(':')[0] === `api.${settings.domain}`;
  const scheme = throughResolver && request.headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
  return `${scheme}://${host}`;
}

/**
 * Whether a page of another origin made the browser send this request. Credentials that the browser stores for this
 * hostname, such as a password for git's address, must not work for such a page. Other clients send no Origin header.
 */
export function isForeignOrigin({ headers: { origin, host } }: IncomingMessage): boolean {
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}
