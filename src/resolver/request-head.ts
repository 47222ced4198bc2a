import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { hopByHop, namedInConnection } from './hop-by-hop.ts';
import { hostnameOf } from './hostname-index.ts';
import type { RequestClient, TrustedProxies } from './trusted-proxies.ts';

/** A request that may be routed, with the head that the instance gets. */
export interface RequestHead {
  readonly method: string;
  /** In origin form: `/path?query`, or `*`. */
  readonly path: string;
  /** As routing compares it. */
  readonly hostname: string;
  /** As the client wrote it. */
  readonly authority: string;
  readonly requestId: string;
  readonly client: RequestClient;
  readonly hasBody: boolean;
  /** Whether the body comes in chunks, of no known length. */
  readonly chunked: boolean;
  /**
   * True when sending it twice has the effect of sending it once (RFC 9110 9.2.1) and there is no body to send again.
   */
  readonly repeatable: boolean;
  readonly expectsContinue: boolean;
  /** Names and values alternate. */
  readonly headers: readonly string[];
}

/** A request that must not be routed. It is answered with 400, and the connection is closed. */
export interface Refusal {
  readonly reason: string;
}

const requestIdPattern = /^[A-Za-z0-9._~+/=-]{20,200}$/;
const absolutePattern = /^https?:\/\/([^/?#]*)([^#]*)$/i;
const via = '1.1 paas';

/** Fields that only the resolver sets: a client's own are replaced or dropped. */
const resolverFields: ReadonlySet<string> = new Set([
  'forwarded',
  'via',
  'x-real-ip',
  'x-request-id',
  'x-request-start',
]);

/** Further request fields that concern one connection only. `trailer`: the trailers of requests are not passed on. */
const requestOnly: ReadonlySet<string> = new Set(['te', 'trailer', 'proxy-authorization', 'http2-settings']);

/**
 * Decides whether the request may be routed, and writes the head that the instance gets. Node refuses most malformed
 * requests before this. It accepts two Host headers and an absolute target that names another host, so these are
 * refused here (hardening.md finding 12).
 */
export function readHead(request: IncomingMessage, proxies: TrustedProxies): RequestHead | Refusal {
  const { rawHeaders, method = 'GET' } = request;
  const named = namedInConnection(request.headers.connection);
  const headers: string[] = [];
  let hosts = 0;
  let authority = '';
  let viaBefore = '';
  let requestId = '';
  let hasBody = false;
  let framed = false;
  let chunked = false;
  let expectsContinue = false;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const value = rawHeaders[at + 1] ?? '';
    const key = name.toLowerCase();
    switch (key) {
      case 'host':
        hosts += 1;
        authority = value;
        break;
      case 'content-length':
        framed = true;
        hasBody ||= value !== '0';
        break;
      case 'transfer-encoding':
        framed = true;
        hasBody = true;
        chunked = true;
        break;
      case 'expect':
        expectsContinue = request.httpVersionMinor === 1;
        break;
      case 'via':
        viaBefore += `${value}, `;
        break;
      case 'x-request-id':
        requestId = value;
        break;
    }
    if (hopByHop.has(key) || requestOnly.has(key) || named?.has(key) || isResolverField(key)) continue;
    headers.push(name, value);
  }
  if (hosts !== 1) return { reason: hosts === 0 ? 'no Host header' : 'more than one Host header' };
  const hostname = hostnameOf(authority);
  if (hostname === null) return { reason: 'malformed Host header' };
  const path = originForm(request.url ?? '/', method, authority);
  if (path === null) return { reason: 'malformed request target' };

  if (!requestIdPattern.test(requestId)) requestId = randomUUID();
  const client = proxies.clientOf(request.socket, request.headers);
  // Without either field Node would choose a framing of its own for these methods, although the client sends no body.
  if (!framed && !bodyless.has(method)) headers.push('Content-Length', '0');
  headers.push('X-Forwarded-For', client.address);
  headers.push('X-Forwarded-Proto', client.scheme);
  headers.push('X-Forwarded-Port', client.port ?? portOf(authority, client.scheme));
  headers.push('X-Forwarded-Host', client.host ?? authority);
  headers.push('X-Request-Start', String(Date.now()));
  headers.push('X-Request-Id', requestId);
  headers.push('Via', viaBefore + via);
  const repeatable = !hasBody && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS');
  return {
    method,
    path,
    hostname,
    authority,
    requestId,
    client,
    hasBody,
    chunked,
    repeatable,
    expectsContinue,
    headers,
  };
}

/**
 * The protocol that the client asks to switch to, if the resolver hands over connections for it: in a GET without a
 * body. `h2c` is ignored, because the requests within it could not be checked. Null when the request is served as an
 * ordinary one.
 */
export function upgradeProtocol(request: IncomingMessage): string | null {
  const { upgrade } = request.headers;
  const body = request.headers['content-length'] ?? request.headers['transfer-encoding'];
  if (!upgrade || request.method !== 'GET' || (body !== undefined && body !== '0')) return null;
  return /^[A-Za-z0-9._-]{1,40}$/.test(upgrade) && !/^h2/i.test(upgrade) ? upgrade : null;
}

const bodyless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/**
 * Also matches underscores: CGI-like gateways show `X_Forwarded_For` and `X-Forwarded-For` to the app under one name.
 */
function isResolverField(key: string): boolean {
  const name = key.includes('_') ? key.replaceAll('_', '-') : key;
  return resolverFields.has(name) || name.startsWith('x-forwarded-');
}

function originForm(target: string, method: string, authority: string): string | null {
  if (target.startsWith('/')) return target;
  if (target === '*') return method === 'OPTIONS' ? target : null;
  const match = absolutePattern.exec(target);
  if (!match || !sameAuthority(match[1] ?? '', authority)) return null;
  const rest = match[2] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function sameAuthority(a: string, b: string): boolean {
  return hostnameOf(a) !== null && hostnameOf(a) === hostnameOf(b) && portOf(a, 'http') === portOf(b, 'http');
}

function portOf(authority: string, scheme: RequestClient['scheme']): string {
  const colon = authority.lastIndexOf(':');
  if (colon !== -1) return authority.slice(colon + 1);
  return scheme === 'https' ? '443' : '80';
}
