import type { Server } from 'node:http';
import { PlatformError } from '../domain/errors.ts';
import { type Logger, silentLogger } from '../system/logger.ts';
import { listenOnOwnSocket, type OwnSocket } from '../system/own-socket.ts';
import { ClientSockets } from './client-sockets.ts';
import { createControl } from './control.ts';
import { CookieGuard } from './cookie-guard.ts';
import { LiveRoutes } from './live-routes.ts';
import { MemoryKeeper } from './memory-keeper.ts';
import { createProxy } from './proxy.ts';
import { RequestEvents } from './request-events.ts';
import { RouteJournal, readJournal } from './route-journal.ts';
import { SlowClients } from './slow-clients.ts';
import { defaultTiming, type Timing } from './timing.ts';
import { TrustedProxies } from './trusted-proxies.ts';

export interface ResolverOptions {
  readonly bind: string;
  /** 0 chooses a free one. */
  readonly httpPort: number;
  /** The public socket, bound by another process, in place of `bind` and `httpPort`. */
  readonly socketFd?: number | null;
  /** The unix socket for the orchestrator, made with mode 0600. */
  readonly controlSocket: string;
  readonly snapshotPath: string;
  /** Addresses and ranges of proxies in front of the resolver that are believed about their clients. */
  readonly trustedProxies?: readonly string[];
  /** Of the platform; `localhost` by default. */
  readonly domain?: string;
  readonly maxAnswerHeadBytes?: number;
  /** The range that the apps' networks are cut from. */
  readonly networkPool?: string;
  readonly timing?: Timing;
  readonly logger?: Logger;
}

export interface Resolver {
  readonly address: { readonly host: string; readonly port: number };
  /** The number of routes in use. */
  readonly routeCount: number;
  /** Stops accepting connections, lets requests in flight end within `timing.stopMs`, and closes the rest. */
  close(): Promise<void>;
}

const defaultMaxAnswerHeadBytes = 65_536;
const defaultNetworkPool = '10.210.0.0/16';
const sweepEveryMs = 5_000;
const idleGraceMsAtStop = 20;
/** A client without CPU time sends on a connection that it does not know to be closed; nobody waits for the end here. */
const replacedIdleGraceMs = 1_000;
const logFailureEveryMs = 10_000;

/**
 * Starts the resolver: it listens for the public and for the orchestrator, with the routes that were saved last. It
 * takes the orchestrator's socket over from a resolver that has it. Throws `conflict` when the port is taken.
 */
export async function startResolver(options: ResolverOptions): Promise<Resolver> {
  const { controlSocket, snapshotPath, timing = defaultTiming, logger = silentLogger } = options;
  const routes = new LiveRoutes(timing);
  const requestEvents = new RequestEvents();
  const proxies = new TrustedProxies(options.trustedProxies ?? []);
  const {
    maxAnswerHeadBytes = defaultMaxAnswerHeadBytes,
    networkPool = defaultNetworkPool,
    domain = 'localhost',
  } = options;
  const cookies = new CookieGuard({ domain, routes, requestEvents });
  const slowClients = new SlowClients(timing);
  const facts = { timing, proxies, maxAnswerHeadBytes, networkPool };
  const deps = { ...facts, routes, requestEvents, cookies, slowClients, closing: false };
  const journal = new RouteJournal({
    path: snapshotPath,
    table: () => routes.table(),
    failed: (error) =>
      logger.error('the routes could not be saved; a restart of the resolver would begin with older ones', { error }),
  });
  await readJournal(snapshotPath, routes);

  const proxy = createProxy(deps);
  const control = createControl({
    routes,
    requestEvents,
    replaced: () => journal.replaced(),
    changed: (change) => journal.changed(change),
    connections: () => proxy.connections ?? 0,
  });
  const sockets = new ClientSockets(proxy);
  const address = await listen(proxy, options);
  reportFailures(proxy, logger);
  let own: OwnSocket;
  try {
    own = await listenOnOwnSocket(control.server, controlSocket);
  } catch (error) {
    proxy.close();
    throw error;
  }
  logger.info('the resolver listens', {
    ...address,
    routes: routes.routeCount,
    version: routes.version,
  });
  const memory = new MemoryKeeper();
  const sweep = setInterval(() => {
    routes.sweep(performance.now());
    memory.check(process.memoryUsage.rss());
  }, sweepEveryMs);

  return {
    address,
    get routeCount() {
      return routes.routeCount;
    },
    async close() {
      deps.closing = true;
      clearInterval(sweep);
      // A successor serves already: the orchestrator turns to it, and long connections get all the time there is.
      const isReplaced = !own.isCurrent();
      if (isReplaced) control.endPresence();
      else routes.closeTunnels();
      const idleGraceMs = isReplaced ? replacedIdleGraceMs : idleGraceMsAtStop;
      slowClients.close();
      await sockets.close({ idleGraceMs, stopMs: timing.stopMs, late: () => routes.closeTunnels() });
      routes.close();
      control.server.closeAllConnections();
      await new Promise((resolve) => control.server.close(resolve));
      await journal.flushed();
    },
  };
}

function listen(server: Server, { bind, httpPort, socketFd }: ResolverOptions): Promise<Resolver['address']> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(portError(error, httpPort)));
    const backlog = 4_096;
    server.listen(
      typeof socketFd === 'number' ? { fd: socketFd, backlog } : { host: bind, port: httpPort, backlog },
      () => {
        const address = server.address();
        resolve({ host: bind, port: typeof address === 'object' && address ? address.port : httpPort });
      },
    );
  });
}

/** A connection that cannot be accepted (no file descriptor left) must not end the process. Logged once in 10 s at most. */
function reportFailures(server: Server, logger: Logger): void {
  let quietUntilMs = 0;
  server.on('error', (error) => {
    const nowMs = performance.now();
    if (nowMs < quietUntilMs) return;
    quietUntilMs = nowMs + logFailureEveryMs;
    logger.error('a connection could not be accepted', { error });
  });
}

function portError(error: NodeJS.ErrnoException, port: number): PlatformError {
  const hint = 'Choose another with the setting PAAS_HTTP_PORT.';
  if (error.code === 'EADDRINUSE')
    return new PlatformError('conflict', `Port ${port} is taken.`, { hint, cause: error });
  return new PlatformError('unavailable', `Port ${port} cannot be opened: ${error.message}.`, { hint, cause: error });
}
