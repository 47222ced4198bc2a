import type { ClientRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Agent } from '../system/node-http.ts';

/** An open connection to an instance. */
export interface Connection {
  readonly socket: Socket;
  /** True once it has carried a request: then the instance may be closing it at any moment. */
  used: boolean;
  idleSinceMs: number;
}

export interface ConnectionsOptions {
  readonly address: string;
  readonly port: number;
  readonly idleMs: number;
}

const maxIdle = 256;

/**
 * The connections to one instance: opens them apart from any request, so that a failure to connect is known as one, and
 * keeps the idle ones, newest first. It is an Agent in order to lend them to `http.request`, which gets its connection
 * as an option; Node's own pool hides whether and for how long a connection was idle.
 */
export class Connections extends Agent {
  readonly #address: string;
  readonly #port: number;
  readonly #idle: Connection[] = [];
  readonly #opening = new Set<Socket>();
  #idleMs: number;
  #closed = false;

  constructor({ address, port, idleMs }: ConnectionsOptions) {
    super({ keepAlive: true });
    this.#address = address;
    this.#port = port;
    this.#idleMs = idleMs;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  /** The idle connection that was used last, if it has been idle for at most `maxIdleMs`. */
  take(maxIdleMs: number, nowMs: number): Connection | null {
    for (;;) {
      const connection = this.#idle.at(-1);
      if (!connection || nowMs - connection.idleSinceMs > maxIdleMs) return null;
      this.#idle.pop();
      connection.socket.off('data', destroyOnData);
      if (nowMs - connection.idleSinceMs <= this.#idleMs && isFit(connection.socket)) return connection;
      connection.socket.destroy();
    }
  }

  /**
   * Opens a new one. Calls back once, with the connection or an error code of the operating system: `ETIMEDOUT` for our
   * own time limit, `ECANCELED` when `close` came first.
   */
  open(timeoutMs: number, done: (error: string | null, connection: Connection | null) => void): void {
    const socket = connect({ host: this.#address, port: this.#port, noDelay: true });
    this.#opening.add(socket);
    let failure = 'ECANCELED';
    const timer = setTimeout(() => {
      failure = 'ETIMEDOUT';
      socket.destroy();
    }, timeoutMs);
    const settle = () => {
      clearTimeout(timer);
      this.#opening.delete(socket);
    };
    const failed = () => {
      settle();
      done(failure, null);
    };
    socket.on('close', failed);
    // Stays: a connection fails with an event, and between two requests nobody else listens.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      failure = error.code ?? failure;
    });
    socket.once('connect', () => {
      settle();
      socket.off('close', failed);
      const connection: Connection = { socket, used: false, idleSinceMs: 0 };
      socket.on('free', () => this.put(connection));
      socket.on('close', () => this.#forget(connection));
      done(null, connection);
    });
  }

  /** Back among the idle ones. Node says `free` when a response and its request are both complete. */
  put(connection: Connection): void {
    const { socket } = connection;
    if (this.#closed || this.#idle.length >= maxIdle || !isFit(socket)) {
      socket.destroy();
      return;
    }
    connection.idleSinceMs = performance.now();
    // Bytes that nobody asked for would be taken as the answer to the next request.
    socket.on('data', destroyOnData);
    this.#idle.push(connection);
  }

  /** The instance said how long it keeps an idle connection; ours must be given up before that. */
  hint(keepAliveMs: number): void {
    this.#idleMs = Math.min(this.#idleMs, Math.max(0, keepAliveMs - 1_000));
  }

  /** Closes what has been idle for too long. */
  sweep(nowMs: number): void {
    const kept = this.#idle.findIndex(({ idleSinceMs }) => nowMs - idleSinceMs <= this.#idleMs);
    const count = kept === -1 ? this.#idle.length : kept;
    for (const { socket } of this.#idle.splice(0, count)) socket.destroy();
  }

  /**
   * Closes the idle ones now and every other one after its request, and gives up those that are being opened: an
   * instance that has gone does not refuse, it says nothing for seconds.
   */
  close(): void {
    this.#closed = true;
    for (const socket of this.#opening) socket.destroy();
    for (const { socket } of this.#idle.splice(0)) socket.destroy();
  }

  /** Called by `http.request`, which was given the connection among its options. */
  addRequest(request: ClientRequest, options: { readonly connection: Connection }): void {
    options.connection.used = true;
    request.onSocket(options.connection.socket);
  }

  #forget(connection: Connection): void {
    const at = this.#idle.lastIndexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  }
}

/** Whether it can carry a request, as far as is known by now. */
export function isFit(socket: Socket): boolean {
  return !socket.destroyed && socket.writable && socket.readable && socket.readableLength === 0;
}

function destroyOnData(this: Socket): void {
  this.destroy();
}
