import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type Socket, Server as TcpServer } from 'node:net';

interface SocketState {
  /** Requests in progress; a connection that was upgraded counts as one to its end. */
  busy: number;
  hasServed: boolean;
  /** When the last request ended, or the connection was accepted. */
  idleSinceMs: number;
  /** The bytes that had been read then. More of them are the beginning of a request. */
  bytesRead: number;
}

export interface ClosingOptions {
  /** How long a connection may wait for its next request. */
  readonly idleGraceMs: number;
  /** After this everything that is left is closed. */
  readonly stopMs: number;
  /** Called then, before the connections are closed. */
  readonly late: () => void;
}

const lookEveryMs = 10;
/** The first request of a connection that was just accepted is on its way. */
const unservedGraceMs = 1_000;

/**
 * The connections of a server, which can stop without losing a request. Node's own `close` ends connections that were
 * accepted and have not sent a byte yet, and those on which a request is arriving.
 */
export class ClientSockets {
  readonly #server: Server;
  readonly #states = new Map<Socket, SocketState>();

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.#states.set(socket, { busy: 0, hasServed: false, idleSinceMs: performance.now(), bytesRead: 0 });
      socket.once('close', () => this.#states.delete(socket));
    });
    const count = (request: IncomingMessage, response: ServerResponse) => this.#serve(request.socket, response);
    server.on('request', count);
    server.on('checkContinue', count);
    server.on('checkExpectation', count);
    server.on('upgrade', (request: IncomingMessage) => this.#serve(request.socket, request.socket));
  }

  /**
   * Stops accepting; whoever else has the same socket goes on with it. Resolves when the last connection has ended.
   * Each may finish the request that it carries or begins.
   */
  async close({ idleGraceMs, stopMs, late }: ClosingOptions): Promise<void> {
    const closed = new Promise((resolve) => TcpServer.prototype.close.call(this.#server, resolve));
    const closingSinceMs = performance.now();
    // After the sockets were read: what had arrived while this process had no CPU time is not lost.
    const looking = setInterval(() => setImmediate(() => this.#endIdle(closingSinceMs, idleGraceMs)), lookEveryMs);
    const ending = setTimeout(() => {
      late();
      for (const socket of this.#states.keys()) socket.destroy();
    }, stopMs);
    await closed;
    clearInterval(looking);
    clearTimeout(ending);
    // Ends also its check of slow heads.
    this.#server.close();
  }

  #serve(socket: Socket, over: ServerResponse | Socket): void {
    const state = this.#states.get(socket);
    if (!state) return;
    state.busy += 1;
    over.once('close', () => {
      state.busy -= 1;
      state.hasServed = true;
      state.idleSinceMs = performance.now();
      state.bytesRead = socket.bytesRead;
    });
  }

  #endIdle(closingSinceMs: number, idleGraceMs: number): void {
    const nowMs = performance.now();
    for (const [socket, { busy, hasServed, idleSinceMs, bytesRead }] of this.#states) {
      const isQuiet = busy === 0 && socket.bytesRead === bytesRead;
      const graceMs = hasServed ? idleGraceMs : unservedGraceMs;
      if (isQuiet && nowMs - Math.max(idleSinceMs, closingSinceMs) >= graceMs) socket.destroy();
    }
  }
}
