import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer } from '../system/node-http.ts';
import { answerWithPage } from './answer.ts';
import { ClientConnections } from './client-connections.ts';
import { explain } from './error-pages.ts';
import { Exchange, type ExchangeContext } from './exchange.ts';
import { answerMalformed } from './malformed.ts';
import { readHead, upgradeProtocol } from './request-head.ts';
import { detachedResponse, startUpgrade } from './upgrade.ts';

const maxConnections = 16_384;

/**
 * The public's side. Node finds out what is no HTTP (400, 431), and a request head that does not come in time (408).
 * There is no limit on a whole request's time: a large, slow upload is served as long as it goes on (see Exchange).
 */
export function createProxy(context: ExchangeContext): Server {
  const { timing } = context;
  const server = createServer({
    keepAliveTimeout: timing.keepAliveMs,
    headersTimeout: timing.headersMs,
    requestTimeout: 0,
    // Who names no host is refused as who names two: by readHead, with a page.
    requireHostHeader: false,
    connectionsCheckingInterval: Math.min(1_000, timing.headersMs),
    noDelay: true,
    shouldUpgradeCallback: (request) => upgradeProtocol(request) !== null,
  });
  // A limit would not refuse what is beyond it but hide it, Transfer-Encoding too; the head's size is limited anyway.
  server.maxHeadersCount = 0;
  server.maxConnections = maxConnections;
  const answers = new WeakMap<Duplex, ServerResponse>();
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    answers.set(request.socket, response);
    const head = readHead(request);
    if ('reason' in head) return refuse(request, response, timing.lingerMs);
    new Exchange(context, head, { request, response }).start();
  };
  const clients = new ClientConnections(timing.connectionsPerClient);
  server.on('connection', (socket: Socket) => {
    if (!clients.admit(socket)) socket.destroy();
  });
  server.on('request', serve);
  // The instance decides whether it wants the body: its 100 is passed on, or its refusal.
  server.on('checkContinue', serve);
  server.on('upgrade', (request: IncomingMessage, socket: Socket, rest: Buffer) => {
    const head = readHead(request);
    const protocol = upgradeProtocol(request);
    if (!('reason' in head) && protocol !== null)
      return startUpgrade(context, head, { request, socket, rest, protocol });
    const response = detachedResponse(request, socket);
    if (response) refuse(request, response, 0);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
    answerMalformed(error, socket, answers.get(socket)),
  );
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy());
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n\r\n');
  });
  return server;
}

/** What follows on a connection with such a request cannot be trusted either. */
function refuse(request: IncomingMessage, response: ServerResponse, lingerMs: number): void {
  response.shouldKeepAlive = false;
  answerWithPage(request, response, { status: 400, code: 'H26', ...explain('H26'), requestId: null }, lingerMs);
}
