import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { paths } from '../config/settings.ts';
import { PlatformError } from '../domain/errors.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import { AttachDoor } from './attach.ts';
import { registerRoutes } from './dispatch.ts';
import type { Entrance } from './entrance.ts';
import { createFastify } from './fastify.ts';
import { closeServer, createHttpServer, listenOn, listenOnSocket } from './http-server.ts';
import { RateLimit } from './rate-limit.ts';
import type { RouteDeps } from './route-deps.ts';
import { createRoutes } from './routes.ts';
import { SecretLinks } from './secret-links.ts';
import { SignedLinks } from './signed-links.ts';

export interface ApiDeps
  extends Pick<
    RouteDeps,
    'store' | 'operations' | 'appLog' | 'settings' | 'status' | 'capacity' | 'memoryUse' | 'logger'
  > {
  /** Checks tokens, and limits what comes in. Closed with the API. */
  readonly entrance: Entrance;
  /** Takes git's requests on the same ports, before Fastify. */
  readonly gitReceive?: {
    isGitRequest(request: IncomingMessage): boolean;
    handle(request: IncomingMessage, response: ServerResponse): void | Promise<void>;
  };
  readonly clock?: Clock;
}

export interface Api {
  /**
   * Listens on 127.0.0.1 and on the unix socket below PAAS_HOME. Returns the port; with 0 in the settings the system
   * chooses it. Throws `conflict` when one of the two is taken.
   */
  listen(): Promise<{ readonly port: number }>;
  /** Ends streams, gives running requests 3 s to end, then closes all connections. May be called twice. */
  close(): Promise<void>;
}

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
  const { entrance } = options;
  const attach = new AttachDoor(deps, entrance);
  let port = options.settings.apiPort;
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    if (options.gitReceive?.isGitRequest(request)) {
      handOver(options.gitReceive, { request, response, logger: options.logger });
      return;
    }
    app.routing(request, response);
  };
  const parts = { listener, attach, entrance };
  const tcp = createHttpServer(parts);
  const local = createHttpServer(parts);
  const app = createFastify(options.logger, tcp);
  registerRoutes(app, createRoutes(deps), {
    routeDeps: deps,
    entrance,
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
      entrance.close();
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
