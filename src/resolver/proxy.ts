import type { EventEmitter } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer } from '../system/node-http.ts';
import { answerWithPage } from './answer.ts';
import { ClientConnections } from './client-connections.ts';
import { explain } from './error-pages.ts';
import { Exchange, type ExchangeDeps } from './exchange.ts';
import { IncomingRequest } from './incoming-request.ts';
import { answerMalformed } from './malformed-requests.ts';
import { ReadAhead } from './read-ahead.ts';
import { RequestGate } from './request-gate.ts';
import { type RequestHead, readHead, upgradeProtocol } from './request-head.ts';
import type { TrustedProxies } from './trusted-proxies.ts';
import { detachedResponse, startUpgrade } from './upgrade.ts';

const maxConnections = 16_384;

/** Of a client that sends more than its app reads, or reads less than its app sends. */
const highWaterMark = 16_384;
const tooMany = { title: 'Too many requests', text: 'Too many requests from your address are being answered already.' };
const unknownExpectation = {
  status: 417,
  code: null,
  title: 'Expectation failed',
  text: 'The field Expect of this request names something other than 100-continue.',
};

export interface ProxyDeps extends ExchangeDeps {
  readonly proxies: TrustedProxies;
}

/**
 * The server for the public. Node detects what is not HTTP (400, 431) and a request head that does not arrive in time
 * (408). The time of a whole request is not limited: a large, slow upload is served while it continues (see Exchange).
 */
export function createProxy(deps: ProxyDeps): Server {
  const { timing, proxies } = deps;
  const server = createServer({
    IncomingMessage: IncomingRequest,
    highWaterMark,
    keepAliveTimeout: timing.keepAliveMs,
    headersTimeout: timing.headersMs,
    requestTimeout: 0,
    // A request without a Host header is refused like one with two: by readHead, with a page.
    requireHostHeader: false,
    connectionsCheckingInterval: Math.min(1_000, timing.headersMs),
    noDelay: true,
    shouldUpgradeCallback: (request) => upgradeProtocol(request) !== null,
  });
  // A limit would not refuse the fields beyond it but hide them, Transfer-Encoding too. The size of the head is limited
  // anyway.
  server.maxHeadersCount = 0;
  server.maxConnections = maxConnections;
  const answers = new WeakMap<Duplex, ServerResponse>();
  const gates = new WeakMap<Duplex, RequestGate>();
  const gateDeps = { readAhead: new ReadAhead(timing.readAheadBytes), halfClosedMs: timing.halfClosedMs };
  const serve = (request: IncomingRequest, response: ServerResponse) => {
    answers.set(request.socket, response);
    gates.get(request.socket)?.began(request, response);
    const head = readHead(request, proxies);
    if ('reason' in head) return refuse(response, timing.lingerMs);
    if (!isAdmitted(head, request.socket, response)) return refuseOneTooMany(response, head, timing.lingerMs);
    new Exchange(deps, head, { request, response }).start();
  };
  const clients = new ClientConnections(timing.connectionsPerClient);
  // A client behind a proxy has no connection of its own, so its requests are counted instead. The proxy's own are not
  // counted.
  const isAdmitted = ({ client: { address } }: RequestHead, socket: Socket, open: EventEmitter) =>
    !proxies.isShared(socket) || proxies.trusts(address) || clients.admit(address, open);
  const serveHttp = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    // Node writes a head that goes before its body with the socket's own encoding, and in a head one character is one byte.
    socket.setDefaultEncoding('latin1');
    proxies.accept(socket, timing.headersMs, ({ address }) => {
      if (!proxies.isShared(socket) && !clients.admit(address, socket)) socket.destroy();
      else {
        const listen = () => {
          for (const serveConnection of serveHttp) serveConnection.call(server, socket);
        };
        gates.set(socket, new RequestGate(socket, gateDeps, listen));
      }
    });
  });
  server.on('request', serve);
  // The instance decides whether it wants the body. Its 100 or its refusal is passed on.
  server.on('checkContinue', serve);
  server.on('checkExpectation', (request: IncomingRequest, response: ServerResponse) => {
    gates.get(request.socket)?.began(request, response);
    answerWithPage(response, { ...unknownExpectation, requestId: null }, timing.lingerMs);
  });
  server.on('upgrade', (request: IncomingRequest, socket: Socket) => {
    const rest = gates.get(socket)?.release() ?? Buffer.alloc(0);
    const head = readHead(request, proxies);
    const protocol = upgradeProtocol(request);
    if ('reason' in head || protocol === null) {
      const response = detachedResponse(request, socket);
      if (response) refuse(response, 0);
    } else if (isAdmitted(head, socket, socket)) startUpgrade(deps, head, { request, socket, rest, protocol });
    else {
      const response = detachedResponse(request, socket);
      if (response) refuseOneTooMany(response, head, 0);
    }
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    gates.get(socket)?.release();
    answerMalformed(error, socket, answers.get(socket));
  });
  server.on('connect', (_request: IncomingRequest, socket: Socket) => {
    gates.get(socket)?.release();
    socket.on('error', () => socket.destroy());
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n\r\n');
  });
  return server;
}

/** Refuses a request because its client has as many in progress as it may. */
function refuseOneTooMany(response: ServerResponse, { requestId }: RequestHead, lingerMs: number): void {
  answerWithPage(response, { status: 429, code: null, ...tooMany, requestId }, lingerMs);
}

/** Refuses a request and closes the connection: what follows such a request cannot be trusted either. */
function refuse(response: ServerResponse, lingerMs: number): void {
  response.shouldKeepAlive = false;
  answerWithPage(response, { status: 400, code: 'H26', ...explain('H26'), requestId: null }, lingerMs);
}
