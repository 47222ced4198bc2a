import { chmod, mkdir, rm } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { PlatformError } from '../domain/errors.ts';
import { createServer } from '../system/node-http.ts';
import type { AttachDoor } from './attach.ts';
import type { Entrance } from './entrance.ts';

/** Heroku's client sends up to 7 KB of earlier request ids. */
const maxHeaderBytes = 16 * 1024;
const headersTimeoutMs = 10_000;
/** Longer than the resolver keeps an idle connection, so that it never sends on one that this server is closing. */
const keepAliveMs = 75_000;
const closeGraceMs = 3_000;
/** Connections that wait to be accepted. With Node's 511 a crowd that connects at once makes others wait for seconds. */
const backlog = 4_096;

export type Listener = (request: IncomingMessage, response: ServerResponse) => void;

export interface ServerParts {
  readonly listener: Listener;
  readonly attach: AttachDoor;
  readonly entrance: Entrance;
}

/** A server that does not listen yet. WebSocket upgrades go to `attach`. */
export function createHttpServer({ listener, attach, entrance }: ServerParts): Server {
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headersTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: 1_000,
    // No limit for pushes, which may take long. The entrance cuts clients that are too slow.
    requestTimeout: 0,
    // Upgrade to WebSocket only. A request with `Upgrade: h2c`, which curl offers, gets a plain answer.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.maxConnections = entrance.maxConnections;
  server.on('connection', entrance.pool());
  const serve = (expectsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    if (entrance.begin(request, response, expectsContinue)) listener(request, response);
  };
  server.on('request', serve(false));
  server.on('checkContinue', serve(true));
  server.on('upgrade', (request, socket, head) => attach.upgrade(request, socket as Socket, head));
  return server;
}

/** Throws `conflict`, with the setting to change, when the address is taken. */
export function listenOn(
  server: Server,
  address: { readonly host: string; readonly port: number } | { readonly path: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = 'path' in address ? address.path : `Port ${address.port} on ${address.host}`;
      if (error.code !== 'EADDRINUSE') return reject(error);
      reject(
        new PlatformError('conflict', `${taken} is taken by another program.`, {
          cause: error,
          hint:
            'path' in address
              ? 'Stop the other platform, or choose another PAAS_HOME.'
              : 'Choose another port: PAAS_API_PORT=7081',
        }),
      );
    });
    server.listen({ ...address, backlog }, resolve);
  });
}

/** Listens on a unix socket for its owner only (0600). Removes a socket file that a killed process left. */
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

/** Stops listening. Running requests have 3 s to end, and are then cut off. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection becomes idle when its answer ends. Without the sweep Node would then keep it for keepAliveMs.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const timer = setTimeout(() => server.closeAllConnections(), closeGraceMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(timer);
}
