import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const safe = /^[A-Za-z0-9_.:=+/-]{20,200}$/;

/**
 * The id that the log line, the event and the answer share: the resolver's when the request came through it, else a new
 * one. A client's Request-Id header is a list of its earlier ids (up to 7 KB) and is only logged.
 */
export function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && safe.test(given) ? given : randomUUID();
}

export function clientRequestIds(request: IncomingMessage): string | undefined {
  const given = request.headers['request-id'];
  return typeof given === 'string' ? given.slice(-200) : undefined;
}
