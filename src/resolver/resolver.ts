import { chmod, mkdir, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { PlatformError } from '../domain/errors.ts';
import { type Logger, silentLogger } from '../system/logger.ts';
import { createControl } from './control.ts';
import { LiveRoutes } from './live-routes.ts';
import { createProxy } from './proxy.ts';
import { RequestEvents } from './request-events.ts';
import { RouteJournal, readJournal } from './route-journal.ts';
import { defaultTiming, type Timing } from './timing.ts';
import { TrustedProxies } from './trusted-proxies.ts';

export interface ResolverOptions {
  readonly bind: string;
  /** 0 chooses a free one. */
  readonly httpPort: number;
  /** The unix socket for the orchestrator, made with mode 0600. */
  readonly controlSocket: string;
  readonly snapshotPath: string;
  /** Addresses and ranges of proxies in front of the resolver that are believed about their clients. */
  readonly trustedProxies?: readonly string[];
  readonly maxAnswerHeadBytes?: number;
  readonly timing?: Timing;
  readonly logger?: Logger;
}

export interface Resolver {
  readonly address: { readonly host: string; readonly port: number };
  /** Stops accepting connections, lets requests in flight end within `timing.stopMs`, and closes the rest. */
  close(): Promise<void>;
}

const defaultMaxAnswerHeadBytes = 65_536;
const sweepEveryMs = 5_000;
const closeIdleEveryMs = 50;
const logFailureEveryMs = 10_000;
/** The length of `sun_path` in unix(7), without the zero at its end. */
const maxSocketPathBytes = 107;

/**
 * Starts the resolver: it listens for the public and for the orchestrator, with the routes that were saved last. Throws
 * `conflict` when the port is taken or another resolver serves this home.
 */
export async function startResolver(options: ResolverOptions): Promise<Resolver> {
  const { bind, httpPort, controlSocket, snapshotPath, timing = defaultTiming, logger = silentLogger } = options;
  const routes = new LiveRoutes(timing);
  const requestEvents = new RequestEvents();
  const proxies = new TrustedProxies(options.trustedProxies ?? []);
  const { maxAnswerHeadBytes = defaultMaxAnswerHeadBytes } = options;
  const deps = { routes, requestEvents, timing, proxies, maxAnswerHeadBytes, closing: false };
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
  const address = await listenOnPort(proxy, bind, httpPort);
  reportFailures(proxy, logger);
  try {
    await listenOnSocket(control, controlSocket);
  } catch (error) {
    proxy.close();
    throw error;
  }
  logger.info('the resolver listens', {
    ...address,
    routes: routes.routeCount,
    version: routes.version,
  });
  const sweep = setInterval(() => routes.sweep(performance.now()), sweepEveryMs);

  return {
    address,
    async close() {
      deps.closing = true;
      clearInterval(sweep);
      routes.closeTunnels();
      proxies.close();
      await closeGently(proxy, timing.stopMs);
      routes.close();
      control.closeAllConnections();
      await new Promise((resolve) => control.close(resolve));
      await journal.flushed();
    },
  };
}

function listenOnPort(server: Server, host: string, port: number): Promise<Resolver['address']> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(portError(error, port)));
    server.listen({ host, port, backlog: 4_096 }, () => {
      const address = server.address();
      resolve({ host, port: typeof address === 'object' && address ? address.port : port });
    });
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

async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw new PlatformError(
      'invalid_params',
      `${path} is longer than the ${maxSocketPathBytes} bytes that a socket's path may have.`,
      {
        hint: 'Choose a shorter PAAS_HOME.',
      },
    );
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (await answers(path)) {
    throw new PlatformError('conflict', `Another resolver serves this platform already (${path}).`, {
      hint: 'Stop it first: paas platform:stop',
    });
  }
  // A killed resolver leaves its socket behind.
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const mask = process.umask(0o177);
    server.listen(path, resolve);
    process.umask(mask);
  });
  await chmod(path, 0o600);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

async function closeGently(server: Server, timeoutMs: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  const idle = setInterval(() => server.closeIdleConnections(), closeIdleEveryMs);
  const late = setTimeout(() => server.closeAllConnections(), timeoutMs);
  await closed;
  clearInterval(idle);
  clearTimeout(late);
}
