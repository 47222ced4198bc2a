import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer } from '../system/node-http.ts';
import { answerWithPage } from './answer.ts';
import { ClientConnections } from './client-connections.ts';
import { explain } from './error-pages.ts';
import { Exchange, type ExchangeDeps } from './exchange.ts';
import { answerMalformed } from './malformed-requests.ts';
import { type RequestHead, readHead, upgradeProtocol } from './request-head.ts';
import type { TrustedProxies } from './trusted-proxies.ts';
import { detachedResponse, startUpgrade } from './upgrade.ts';

const maxConnections = 16_384;
const tooMany = { title: 'Too many requests', text: 'Too many requests from your address are being answered already.' };

export interface ProxyDeps extends ExchangeDeps {
  readonly proxies: TrustedProxies;
}

/**
 * The public's side. Node finds out what is no HTTP (400, 431), and a request head that does not come in time (408).
 * There is no limit on a whole request's time: a large, slow upload is served as long as it goes on (see Exchange).
 */
export function createProxy(context: ProxyDeps): Server {
  const { timing, proxies } = context;
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
    const head = readHead(request, proxies);
    if ('reason' in head) return refuse(request, response, timing.lingerMs);
    if (!isAdmitted(head, request.socket, response)) return refuseMany(request, response, head, timing.lingerMs);
    new Exchange(context, head, { request, response }).start();
  };
  const clients = new ClientConnections(timing.connectionsPerClient);
  // A client behind a proxy has no connection of its own: its requests are counted instead. The proxy's own are not.
  const isAdmitted = ({ client: { address } }: RequestHead, socket: Socket, open: EventEmitter) =>
    !proxies.isShared(socket) || proxies.trusts(address) || clients.admit(address, open);
  const serveHttp = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) =>
    proxies.accept(socket, timing.headersMs, ({ address }) => {
      if (!proxies.isShared(socket) && !clients.admit(address, socket)) socket.destroy();
      else for (const serveConnection of serveHttp) serveConnection.call(server, socket);
    }),
  );
  server.on('request', serve);
  // The instance decides whether it wants the body: its 100 is passed on, or its refusal.
  server.on('checkContinue', serve);
  server.on('upgrade', (request: IncomingMessage, socket: Socket, rest: Buffer) => {
    const head = readHead(request, proxies);
    const protocol = upgradeProtocol(request);
    if ('reason' in head || protocol === null) {
      const response = detachedResponse(request, socket);
      if (response) refuse(request, response, 0);
    } else if (isAdmitted(head, socket, socket)) startUpgrade(context, head, { request, socket, rest, protocol });
    else {
      const response = detachedResponse(request, socket);
      if (response) refuseMany(request, response, head, 0);
    }
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

/** Its client has as many requests as it may. */
function refuseMany(
  request: IncomingMessage,
  response: ServerResponse,
  { requestId }: RequestHead,
  lingerMs: number,
): void {
  answerWithPage(request, response, { status: 429, code: null, ...tooMany, requestId }, lingerMs);
}

/** What follows on a connection with such a request cannot be trusted either. */
function refuse(request: IncomingMessage, response: ServerResponse, lingerMs: number): void {
  response.shouldKeepAlive = false;
  answerWithPage(request, response, { status: 400, code: 'H26', ...explain('H26'), requestId: null }, lingerMs);
}
