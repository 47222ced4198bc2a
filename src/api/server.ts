import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { paths } from '../config/settings.ts';
import { PlatformError } from '../domain/errors.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import { AttachDoor } from './attach.ts';
import { createAuthenticator } from './authenticate.ts';
import { registerRoutes } from './dispatch.ts';
import { createFastify } from './fastify.ts';
import { closeServer, createHttpServer, limitBodyTime, listenOn, listenOnSocket } from './http-server.ts';
import { RateLimit } from './rate-limit.ts';
import type { RouteDeps } from './route-deps.ts';
import { createRoutes } from './routes.ts';
import { SecretLinks } from './secret-links.ts';
import { SignedLinks } from './signed-links.ts';

export interface ApiDeps extends Pick<RouteDeps, 'store' | 'operations' | 'appLog' | 'settings' | 'status' | 'logger'> {
  /** Requests of git's smart protocol, taken raw off the same ports. */
  readonly gitReceive?: {
    isGitRequest(request: IncomingMessage): boolean;
    handle(request: IncomingMessage, response: ServerResponse): void | Promise<void>;
  };
  readonly clock?: Clock;
  /** How long a client may take to send a request's body. git is not asked. */
  readonly bodyTimeoutMs?: number;
  /** Open at once, those that follow a log included. */
  readonly maxConnections?: number;
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

const bodyTimeoutDefaultMs = 30_000;
/** Many more, and the platform could run out of files; an address is all it takes to open one and keep it. */
const maxConnectionsDefault = 4_096;

/** The Platform API over HTTP. */
export function createApi(options: ApiDeps): Api {
  const clock = options.clock ?? systemClock;
  const closing = new AbortController();
  const deps: RouteDeps = {
    ...options,
    clock,
    logLinks: new SecretLinks(clock),
    attachLinks: new SecretLinks(clock),
    buildLinks: new SignedLinks(clock),
    closing: closing.signal,
  };
  const attach = new AttachDoor(deps);
  let port = options.settings.apiPort;
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    if (options.gitReceive?.isGitRequest(request)) {
      handOver(options.gitReceive, { request, response, logger: options.logger });
      return;
    }
    limitBodyTime(request, response, options.bodyTimeoutMs ?? bodyTimeoutDefaultMs);
    app.routing(request, response);
  };
  const { maxConnections = maxConnectionsDefault } = options;
  const tcp = createHttpServer(listener, attach, maxConnections);
  const local = createHttpServer(listener, attach, maxConnections);
  const app = createFastify(options.logger, tcp);
  registerRoutes(app, createRoutes(deps), {
    routeDeps: deps,
    authenticate: createAuthenticator({ store: options.store, clock }),
    rateLimit: new RateLimit(clock),
    port: () => port,
  });
  return {
    async listen() {
      await app.ready();
      await listenOn(tcp, { host: '127.0.0.1', port: options.settings.apiPort });
      port = (tcp.address() as AddressInfo).port;
      await listenOnSocket(local, paths(options.settings.home).apiSocket);
      return { port };
    },
    async close() {
      closing.abort(new PlatformError('cancelled', 'The platform is stopping.'));
      attach.close();
      await Promise.all([closeServer(tcp), closeServer(local)]);
      await app.close();
    },
  };
}

function handOver(
  gitReceive: NonNullable<ApiDeps['gitReceive']>,
  exchange: { readonly request: IncomingMessage; readonly response: ServerResponse; readonly logger: Logger },
): void {
  const { request, response, logger } = exchange;
  const handled = Promise.resolve().then(() => gitReceive.handle(request, response));
  handled.catch((error: unknown) => {
    logger.error('A git request failed by a defect.', { error });
    if (!response.headersSent) response.writeHead(500);
    response.end();
  });
}
