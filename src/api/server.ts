import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { dirname } from 'node:path';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { paths } from '../config.ts';
import { type Clock, systemClock } from '../domain/clock.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Logger } from '../domain/logger.ts';
import { AttachDoor } from './attach.ts';
import { createAuthenticator } from './authenticate.ts';
import type { ApiContext } from './context.ts';
import { registerRoutes } from './dispatch.ts';
import { errorAnswer } from './error-body.ts';
import { parseJson } from './json-body.ts';
import { RateLimit } from './rate-limit.ts';
import { clientRequestIds, requestId } from './request-id.ts';
import { createRoutes } from './routes.ts';
import { SecretLinks } from './secret-links.ts';
import { SignedLinks } from './signed-links.ts';

export interface ApiOptions
  extends Pick<ApiContext, 'store' | 'operations' | 'appLog' | 'settings' | 'status' | 'logger'> {
  /** Requests of git's smart protocol, taken raw off the same ports. */
  readonly gitReceive?: {
    isGitRequest(request: IncomingMessage): boolean;
    handle(request: IncomingMessage, response: ServerResponse): void | Promise<void>;
  };
  readonly clock?: Clock;
  /** How long a client may take to send a request's body. git is not asked. */
  readonly bodyTimeoutMs?: number;
}

export interface Api {
  /**
   * On 127.0.0.1 and the unix socket below PAAS_HOME; returns the port, which 0 in the settings leaves to the system.
   * Throws `conflict` when one of the two is taken.
   */
  listen(): Promise<{ readonly port: number }>;
  /** Ends streams, lets running requests finish for a moment, then closes what is left. May be called twice. */
  close(): Promise<void>;
}

const bodyLimitBytes = 1024 * 1024;
/** Heroku's client sends all the request ids it has seen, up to 7 KB of them. */
const maxHeaderBytes = 16 * 1024;
const headersTimeoutMs = 10_000;
const bodyTimeoutDefaultMs = 30_000;
/** Longer than the resolver keeps an idle connection, so that it never sends on one that we are closing. */
const keepAliveMs = 75_000;
const closeGraceMs = 3_000;

/** The Platform API over HTTP. */
export function createApi(options: ApiOptions): Api {
  const clock = options.clock ?? systemClock;
  const closing = new AbortController();
  const context: ApiContext = {
    ...options,
    clock,
    logLinks: new SecretLinks(clock),
    attachLinks: new SecretLinks(clock),
    buildLinks: new SignedLinks(clock),
    closing: closing.signal,
  };
  const attach = new AttachDoor(context);
  const servers: Server[] = [];
  let port = options.settings.apiPort;
  const app = createFastify(options.logger, (handle) => {
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      if (options.gitReceive?.isGitRequest(request)) {
        handOver(options.gitReceive, { request, response, logger: options.logger });
        return;
      }
      limitBody(request, response, options.bodyTimeoutMs ?? bodyTimeoutDefaultMs);
      handle(request, response);
    };
    for (let count = 0; count < 2; count += 1) servers.push(createHttpServer(listener, attach));
    return servers[0] as Server;
  });
  registerRoutes(app, createRoutes(context), {
    context,
    authenticate: createAuthenticator({ store: options.store, clock }),
    rateLimit: new RateLimit(clock),
    port: () => port,
  });
  return {
    async listen() {
      await app.ready();
      const [tcp, local] = servers as [Server, Server];
      await listenOn(tcp, { host: '127.0.0.1', port: options.settings.apiPort });
      port = (tcp.address() as AddressInfo).port;
      await listenOnSocket(local, paths(options.settings.home).apiSocket);
      return { port };
    },
    async close() {
      closing.abort(new PlatformError('cancelled', 'The platform is stopping.'));
      attach.close();
      await Promise.all(servers.map(closeServer));
      await app.close();
    },
  };
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

function createFastify(logger: Logger, serverFactory: (handle: Listener) => Server): FastifyInstance {
  const app = fastify({
    serverFactory,
    bodyLimit: bodyLimitBytes,
    exposeHeadRoutes: false,
    genReqId: (request) => requestId(request),
    frameworkErrors: (error, request, reply: FastifyReply) => {
      const { status, body } = errorAnswer(error, request.id);
      void reply.code(status).header('Request-Id', request.id).send(body);
    },
    routerOptions: { maxParamLength: 512 },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, async (_: unknown, body: string | Buffer) =>
    parseJson(body.toString()),
  );
  app.addContentTypeParser(
    'application/vnd.heroku+json',
    { parseAs: 'string' },
    async (_: unknown, body: string | Buffer) => parseJson(body.toString()),
  );
  app.addHook('onRequest', async (request, reply) => {
    // On the raw response, so that streams carry them too.
    reply.raw.setHeader('Request-Id', request.id);
    reply.raw.setHeader('X-Content-Type-Options', 'nosniff');
  });
  app.addHook('onResponse', async (request, reply) => {
    // The route's pattern and not the address asked for: some addresses are secrets.
    logger.debug('Answered a request.', {
      requestId: request.id,
      clientRequestIds: clientRequestIds(request.raw),
      method: request.method,
      route: request.routeOptions.url,
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime),
    });
  });
  app.setNotFoundHandler(async (request, reply) => {
    const missing = new PlatformError('not_found', 'The requested API endpoint was not found.', {
      hint: 'See the list of endpoints: GET /schema',
    });
    const { status, body } = errorAnswer(missing, request.id);
    return reply.code(status).send(body);
  });
  app.setErrorHandler(async (error, request, reply) => {
    const { status, body } = errorAnswer(error, request.id);
    if (status === 500)
      logger.error('A request failed by a defect.', { requestId: request.id, route: request.routeOptions.url, error });
    return reply.code(status).send(body);
  });
  return app;
}

function createHttpServer(listener: Listener, attach: AttachDoor): Server {
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: 5_000,
      // A push takes as long as it takes; the API's own bodies are limited by limitBody.
      requestTimeout: 0,
      // Only a WebSocket is upgraded; `Upgrade: h2c`, as curl offers, is answered as the plain request it is.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    },
    listener,
  );
  server.on('upgrade', (request, socket, head) => attach.upgrade(request, socket, head));
  return server;
}

function limitBody(request: IncomingMessage, response: ServerResponse, timeoutMs: number): void {
  const timer = setTimeout(() => {
    if (request.complete) return;
    if (!response.headersSent) response.writeHead(408, { Connection: 'close' }).end();
    request.destroy();
  }, timeoutMs);
  timer.unref();
  response.once('close', () => clearTimeout(timer));
  request.once('end', () => clearTimeout(timer));
}

function handOver(
  gitReceive: NonNullable<ApiOptions['gitReceive']>,
  exchange: { readonly request: IncomingMessage; readonly response: ServerResponse; readonly logger: Logger },
): void {
  const { request, response, logger } = exchange;
  Promise.resolve(gitReceive.handle(request, response)).catch((error: unknown) => {
    logger.error('A git request failed by a defect.', { error });
    if (!response.headersSent) response.writeHead(500);
    response.end();
  });
}

function listenOn(
  server: Server,
  where: { readonly host: string; readonly port: number } | { readonly path: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const place = 'path' in where ? where.path : `Port ${where.port} on ${where.host}`;
      if (error.code !== 'EADDRINUSE') return reject(error);
      reject(
        new PlatformError('conflict', `${place} is taken by another program.`, {
          cause: error,
          hint:
            'path' in where
              ? 'Stop the other platform, or choose another PAAS_HOME.'
              : 'Choose another port: PAAS_API_PORT=7081',
        }),
      );
    });
    server.listen(where, resolve);
  });
}

/** A socket file outlives a killed process: one that nobody answers on is removed. */
async function listenOnSocket(server: Server, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (!(await answers(path))) await rm(path, { force: true });
  await listenOn(server, { path });
  await chmod(path, 0o600);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.once('connect', () => done(true)).once('error', () => done(false));
  });
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection whose answer ends during the close becomes idle only then, and Node would keep it for keepAliveMs.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const timer = setTimeout(() => server.closeAllConnections(), closeGraceMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(timer);
}
