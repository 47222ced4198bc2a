import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** A client that still sends gets the answer in this time. */
const lingerMs = 1_000;

/** Whether the request says that it has a body, and it was not received to its end. */
export function hasUnreadBody({ headers, complete }: IncomingMessage): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return hasBody && !complete;
}

/**
 * Ends what is sent, and discards what comes for a second. A connection that is closed before the client has sent all is
 * reset, and the client may then lose the answer (RFC 9112 §9.6).
 */
export function linger(socket: Socket): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
}

/**
 * An answer that ends before the request's body says `Connection: close`, and nobody waits for the rest of the body. Call
 * it before anything is answered.
 */
export function closeUnlessRead(request: IncomingMessage, response: ServerResponse): void {
  if (!hasUnreadBody(request)) return;
  const { socket } = request;
  const { shouldKeepAlive } = response;
  response.shouldKeepAlive = false;
  // Node calls this after an answer that says `close`.
  socket.destroySoon = () => {
    if (hasUnreadBody(request)) linger(socket);
    else Socket.prototype.destroySoon.call(socket);
  };
  request.once('end', () => {
    if (!response.headersSent) response.shouldKeepAlive = shouldKeepAlive;
  });
}
