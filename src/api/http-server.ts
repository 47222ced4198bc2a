import { chmod, mkdir, rm } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { PlatformError } from '../domain/errors.ts';
import { createServer } from '../system/node-http.ts';
import type { AttachDoor } from './attach.ts';

/** Heroku's client sends all the request ids it has seen, up to 7 KB of them. */
const maxHeaderBytes = 16 * 1024;
const headersTimeoutMs = 10_000;
/** Longer than the resolver keeps an idle connection, so that it never sends on one that we are closing. */
const keepAliveMs = 75_000;
const closeGraceMs = 3_000;

export type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** Not listening yet. Upgrades go to the terminals' door. */
export function createHttpServer(listener: Listener, attach: AttachDoor, maxConnections: number): Server {
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: 5_000,
      // A push takes as long as it takes; the API's own bodies are limited by limitBodyTime.
      requestTimeout: 0,
      // Only a WebSocket is upgraded; `Upgrade: h2c`, as curl offers, is answered as the plain request it is.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    },
    listener,
  );
  server.maxConnections = maxConnections;
  server.on('upgrade', (request, socket, head) => attach.upgrade(request, socket, head));
  return server;
}

/** Lets a client go that takes longer than this to send its request's body. */
export function limitBodyTime(request: IncomingMessage, response: ServerResponse, timeoutMs: number): void {
  const timer = setTimeout(() => {
    if (request.complete) return;
    if (!response.headersSent) response.writeHead(408, { Connection: 'close' }).end();
    request.destroy();
  }, timeoutMs);
  timer.unref();
  response.once('close', () => clearTimeout(timer));
  request.once('end', () => clearTimeout(timer));
}

/** Throws `conflict`, with the setting to change, when the place is taken. */
export function listenOn(
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

/** For its owner only (0600). A socket file outlives a killed process: one that nobody answers on is removed. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
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

/** Running requests get a moment to end; what is left then is cut. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection whose answer ends during the close becomes idle only then, and Node would keep it for keepAliveMs.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const timer = setTimeout(() => server.closeAllConnections(), closeGraceMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(timer);
}
