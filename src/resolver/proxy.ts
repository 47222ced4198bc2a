import type { EventEmitter } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer } from '../system/node-http.ts';
import { Admission, type TooMuch } from './admission.ts';
import { answerWithPage } from './answer.ts';
import { explain } from './error-pages.ts';
import { Exchange, type ExchangeDeps } from './exchange.ts';
import { IncomingRequest } from './incoming-request.ts';
import { answerMalformed } from './malformed-requests.ts';
import { ReadAhead } from './read-ahead.ts';
import { RequestGate } from './request-gate.ts';
import { type RequestHead, readHead, upgradeProtocol } from './request-head.ts';
import { RequestReport } from './request-report.ts';
import type { TrustedProxies } from './trusted-proxies.ts';
import { detachedResponse, startUpgrade } from './upgrade.ts';

/** Connections that are closed because there are too many still count for a moment. */
const closingConnections = 1_024;

/** Of a client that sends more than its app reads, or reads less than its app sends. */
const highWaterMark = 16_384;
const unknownExpectation = {
  status: 417,
  code: null,
  title: 'Expectation failed',
  text: 'The field Expect of this request names something other than 100-continue.',
};

export interface ProxyDeps extends ExchangeDeps {
  /** The range that the apps' networks are cut from. */
  readonly networkPool: string;
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
  server.maxConnections = timing.connections + closingConnections;
  const answers = new WeakMap<Duplex, ServerResponse>();
  const gates = new WeakMap<Duplex, RequestGate>();
  const gateDeps = { readAhead: new ReadAhead(timing.readAheadBytes), halfClosedMs: timing.halfClosedMs };
  const serve = (request: IncomingRequest, response: ServerResponse) => {
    answers.set(request.socket, response);
    gates.get(request.socket)?.began(request, response);
    const head = readHead(request, proxies);
    if ('reason' in head) return refuse(response, timing.lingerMs);
    const tooMuch = refusal(head, request.socket, response);
    if (tooMuch) return refuseForNow(deps, head, { response, tooMuch, lingerMs: timing.lingerMs });
    new Exchange(deps, head, { request, response }).start();
  };
  const admission = new Admission({ proxies, limits: timing, networkPool: deps.networkPool });
  const refusal = ({ hostname, path, client: { address } }: RequestHead, socket: Socket, over: EventEmitter) =>
    admission.refuses({ socket, over, address, destination: deps.routes.find(hostname, path) });
  const serveHttp = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    // Node writes a head that goes before its body with the socket's own encoding, and in a head one character is one byte.
    socket.setDefaultEncoding('latin1');
    proxies.accept(socket, timing.headersMs, ({ address }) => {
      if (!admission.connects(socket, address)) socket.destroy();
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
    const tooMuch = 'reason' in head || protocol === null ? null : refusal(head, socket, socket);
    if (!('reason' in head) && protocol !== null && !tooMuch) {
      startUpgrade(deps, head, { request, socket, rest, protocol });
      return;
    }
    const response = detachedResponse(request, socket);
    if (!response) return;
    if (tooMuch && !('reason' in head)) refuseForNow(deps, head, { response, tooMuch, lingerMs: 0 });
    else refuse(response, 0);
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

interface RefusedForNow {
  readonly response: ServerResponse;
  readonly tooMuch: TooMuch;
  readonly lingerMs: number;
}

/** Refuses a request because of what is under way already. */
function refuseForNow(deps: ProxyDeps, head: RequestHead, { response, tooMuch, lingerMs }: RefusedForNow): void {
  const { hostname, path, requestId } = head;
  const { status, title, text } = tooMuch;
  new RequestReport(head, deps.requestEvents).refused('H22', deps.routes.find(hostname, path), tooMuch);
  answerWithPage(response, { status, code: 'H22', title, text, requestId, retryAfterS: 1 }, lingerMs);
}

/** Refuses a request and closes the connection: what follows such a request cannot be trusted either. */
function refuse(response: ServerResponse, lingerMs: number): void {
  response.shouldKeepAlive = false;
  answerWithPage(response, { status: 400, code: 'H26', ...explain('H26'), requestId: null }, lingerMs);
}
