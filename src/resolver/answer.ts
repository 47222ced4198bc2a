import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from '../system/node-http.ts';
import { type PageFacts, renderPage } from './error-pages.ts';

/** Answers with a page of the platform's own. The response's head must not have been sent. */
export function answerWithPage(
  request: IncomingMessage,
  response: ServerResponse,
  facts: PageFacts,
  lingerMs: number,
): void {
  const { contentType, body } = renderPage(facts, request.headers.accept);
  // With its reason: an answer of the instance that could not be written may have left one behind.
  response.writeHead(facts.status, STATUS_CODES[facts.status] ?? 'Error', [
    'Content-Type',
    contentType,
    'Content-Length',
    String(body.length),
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
    ...(facts.requestId === null ? [] : ['X-Request-Id', facts.requestId]),
  ]);
  if (request.method !== 'HEAD') response.write(body);
  endAfterUpload(request, response, lingerMs);
}

/**
 * Ends the response, at once when the request has been received whole. Else the rest of it is thrown away first: a
 * connection closed on a client that still sends is reset, and the answer with it.
 */
export function endAfterUpload(request: IncomingMessage, response: ServerResponse, lingerMs: number): void {
  const { socket, headers } = request;
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  // Whatever is left of it: unread, it would stay before the next request on this connection.
  if (hasBody) request.resume();
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
