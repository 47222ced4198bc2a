import type { ServerResponse } from 'node:http';
import { STATUS_CODES } from '../system/node-http.ts';
import { type PageFacts, renderPage } from './error-pages.ts';
import { discard } from './spare-buffers.ts';

/** Answers with a page of the platform's own. The head of the response must not have been sent. */
export function answerWithPage(response: ServerResponse, facts: PageFacts, lingerMs: number): void {
  const { method, headers } = response.req;
  const { contentType, body } = renderPage(facts, headers.accept);
  // The reason phrase is given explicitly: a failed attempt to write the instance's answer may have left its own in the
  // response.
  response.writeHead(facts.status, STATUS_CODES[facts.status] ?? 'Error', [
    'Content-Type',
    contentType,
    'Content-Length',
    String(body.length),
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
    ...(facts.retryAfterS === undefined ? [] : ['Retry-After', String(facts.retryAfterS)]),
    ...(facts.requestId === null ? [] : ['X-Request-Id', facts.requestId]),
  ]);
  if (method !== 'HEAD') response.write(body);
  endAfterUpload(response, lingerMs);
}

/**
 * Ends the response, at once when the whole request has been received. Otherwise the rest of the request is read and
 * discarded first, for at most `lingerMs`: closing the connection while the client still sends would reset it, and the
 * client would lose the answer.
 */
export function endAfterUpload(response: ServerResponse, lingerMs: number): void {
  const request = response.req;
  const { socket, headers } = request;
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  // Reads what is left of the body. Unread, it would stand in front of the next request on this connection.
  if (hasBody) request.on('data', discard).resume();
  if (!hasBody || request.complete || request.destroyed || response.destroyed) {
    response.end();
    return;
  }
  response.flushHeaders();
  const timer = setTimeout(() => {
    response.end();
    socket.destroySoon();
  }, lingerMs);
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  request.once('end', end);
  request.once('close', end);
}
