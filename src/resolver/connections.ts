import type { ClientRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Agent } from '../system/node-http.ts';

/** An open connection to an instance. */
export interface Connection {
  readonly socket: Socket;
  /** True once it has carried a request. The instance may then close it at any moment. */
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
 * The connections to one instance. They are opened separately from any request, so that a failure to connect can be
 * told from a failed request. Idle ones are kept, newest first. The class is an Agent because `http.request` takes its
 * connection from one. Node's own pool hides whether and for how long a connection was idle.
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
   * Opens a connection. Calls back once, with the connection or with an error code of the operating system: `ETIMEDOUT`
   * after `timeoutMs`, `ECANCELED` when `close` was called first.
   */
  open(timeoutMs: number, done: (error: string | null, connection: Connection | null) => void): void {
    const socket = connect({ host: this.#address, port: this.#port, noDelay: true });
    // Node writes a head that goes before its body with the socket's own encoding, and in a head one character is one byte.
    socket.setDefaultEncoding('latin1');
    this.#opening.add(socket);
    let failure = 'ECANCELED';
    const timer = setTimeout(() => {
      failure = 'ETIMEDOUT';
      socket.destroy();
    }, timeoutMs);
    const stopWaiting = () => {
      clearTimeout(timer);
      this.#opening.delete(socket);
    };
    const failed = () => {
      stopWaiting();
      done(failure, null);
    };
    socket.on('close', failed);
    // Stays attached: between two requests nothing else listens for `error`.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      failure = error.code ?? failure;
    });
    socket.once('connect', () => {
      stopWaiting();
      socket.off('close', failed);
      const connection: Connection = { socket, used: false, idleSinceMs: 0 };
      socket.on('free', () => this.put(connection));
      socket.on('close', () => this.#forget(connection));
      done(null, connection);
    });
  }

  /**
   * Puts a connection back among the idle ones. Node emits `free` when a response and its request are both complete.
   */
  put(connection: Connection): void {
    const { socket } = connection;
    if (this.#closed || this.#idle.length >= maxIdle || !isFit(socket)) {
      socket.destroy();
      return;
    }
    connection.idleSinceMs = performance.now();
    // Unexpected bytes would be read as the answer to the next request.
    socket.on('data', destroyOnData);
    this.#idle.push(connection);
  }

  /** The instance announced how long it keeps an idle connection. Ours are closed a second earlier. */
  limitIdle(keepAliveMs: number): void {
    this.#idleMs = Math.min(this.#idleMs, Math.max(0, keepAliveMs - 1_000));
  }

  /** Closes the connections that have been idle for too long. */
  sweep(nowMs: number): void {
    const kept = this.#idle.findIndex(({ idleSinceMs }) => nowMs - idleSinceMs <= this.#idleMs);
    const count = kept === -1 ? this.#idle.length : kept;
    for (const { socket } of this.#idle.splice(0, count)) socket.destroy();
  }

  /**
   * Closes the idle connections now and each of the others after its request, and abandons those that are being opened:
   * an instance that has gone does not refuse a connection, it stays silent for seconds.
   */
  close(): void {
    this.#closed = true;
    for (const socket of this.#opening) socket.destroy();
    for (const { socket } of this.#idle.splice(0)) socket.destroy();
  }

  /** Called by `http.request`, which gets the connection among its options. */
  addRequest(request: ClientRequest, options: { readonly connection: Connection }): void {
    options.connection.used = true;
    request.onSocket(options.connection.socket);
  }

  #forget(connection: Connection): void {
    const at = this.#idle.lastIndexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  }
}

/** Whether the connection can carry a request, as far as known now. */
export function isFit(socket: Socket): boolean {
  return !socket.destroyed && socket.writable && socket.readable && socket.readableLength === 0;
}

function destroyOnData(this: Socket): void {
  this.destroy();
}
