import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ServerResponse, STATUS_CODES } from '../system/node-http.ts';
import type { AnswerHead } from './answer-head.ts';
import { Exchange, type ExchangeDeps } from './exchange.ts';
import type { IncomingRequest } from './incoming-request.ts';
import type { RequestHead } from './request-head.ts';
import { Tunnel } from './tunnel.ts';

export interface UpgradeRequest {
  readonly request: IncomingRequest;
  readonly socket: Socket;
  /** The bytes that followed the client's request. */
  readonly rest: Buffer;
  readonly protocol: string;
}

/**
 * Serves a request to switch protocols. It is dispatched like any other. If the instance agrees (101), the two
 * connections are joined. Any other answer is passed on, and the connection ends.
 */
export function startUpgrade(deps: ExchangeDeps, head: RequestHead, upgrade: UpgradeRequest): void {
  const { request, socket, rest, protocol } = upgrade;
  const response = detachedResponse(request, socket);
  if (!response) return;
  const upgradeHead: RequestHead = {
    ...head,
    headers: [...head.headers, 'Upgrade', protocol],
  };
  const idleMs = deps.routes.find(head.hostname, head.path)?.patience.idleMs ?? deps.timing.idleMs;
  new Exchange(deps, upgradeHead, {
    request,
    response,
    switchProtocols: ({ target, answer, socket: instance, rest: toClient }) => {
      response.detachSocket(socket);
      writeAnswer(socket, answer);
      const tunnel = new Tunnel({ client: socket, instance }, target, protocol.toLowerCase() === 'websocket');
      return tunnel.start({ toClient, toInstance: rest }, idleMs);
    },
  }).start();
}

/**
 * Node hands over an upgrade's connection without a response; this makes one. Null, and the connection is closed, when
 * an earlier request on it is still being answered: that answer is lost with Node's parser.
 */
export function detachedResponse(request: IncomingRequest, socket: Socket): ServerResponse | null {
  socket.on('error', () => socket.destroy());
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  try {
    response.assignSocket(socket);
  } catch {
    socket.destroy();
    return null;
  }
  socket.on('drain', () => response.emit('drain'));
  response.on('finish', () => {
    response.detachSocket(socket);
    socket.destroySoon();
  });
  return response;
}

function writeAnswer(socket: Duplex, { status, reason, fields }: AnswerHead): void {
  let head = `HTTP/1.1 ${status} ${reason || STATUS_CODES[status]}\r\n`;
  for (let at = 0; at < fields.length; at += 2) head += `${fields[at]}: ${fields[at + 1]}\r\n`;
  socket.write(`${head}\r\n`, 'latin1');
}
