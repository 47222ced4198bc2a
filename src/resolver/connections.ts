import { InstanceSocket } from './instance-socket.ts';
import type { KeepAlive } from './keep-alive.ts';

/** An open connection to an instance. */
export interface Connection {
  readonly socket: InstanceSocket;
  /** True once the instance is told that no other request follows. */
  last: boolean;
  /** True once it has carried a request. The instance may then close it at any moment. */
  used: boolean;
  idleSinceMs: number;
}

export interface ConnectionsOptions {
  readonly address: string;
  readonly port: number;
  readonly idleMs: number;
  /** Of the app that the instance belongs to. */
  readonly keepAlive: KeepAlive;
}

const maxIdle = 256;
const maxRetired = 256;

/** How long an instance may take to close a connection after its last answer. */
const retiredMs = 1_000;

/** An idle connection is closed this long before the instance announced to close it. */
const marginMs = 1_000;

/** A server that closes an idle connection sooner, and announced nothing, closes after its answers. */
const shortestTimeoutMs = 1_000;

/**
 * The connections to one instance. They are opened separately from any request, so that a failure to connect can be
 * told from a failed request. Idle ones are kept, newest first.
 */
export class Connections {
  readonly #address: string;
  readonly #port: number;
  readonly #idle: Connection[] = [];
  readonly #opening = new Set<InstanceSocket>();
  readonly #retired = new Set<InstanceSocket>();
  readonly #keepAlive: KeepAlive;
  #idleMs: number;
  /** What the instance announced. */
  #announcedMs: number | null = null;
  /** The instance closed a connection that had been idle for this long. It may have ended: see `#connected`. */
  #closedAfterMs: number | null = null;
  #closed = false;

  constructor({ address, port, idleMs, keepAlive }: ConnectionsOptions) {
    this.#address = address;
    this.#port = port;
    this.#idleMs = idleMs;
    this.#keepAlive = keepAlive;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  /** The idle connection that was used last. Null when there is none, or none that may be used again. */
  take(nowMs: number): Connection | null {
    if (this.#closedAfterMs !== null || this.#keepAlive.isBroken(nowMs)) return null;
    for (;;) {
      const connection = this.#idle.pop();
      if (!connection) return null;
      const isOld = nowMs - connection.idleSinceMs > this.#idleMs;
      if (!isOld && isFit(connection.socket)) return connection;
      if (!isOld) this.lost(connection);
      connection.socket.destroy();
    }
  }

  /**
   * Opens a connection. Calls back once, with the connection or with an error code of the operating system: `ETIMEDOUT`
   * after `timeoutMs`, `ECANCELED` when `close` was called first.
   */
  open(timeoutMs: number, done: (error: string | null, connection: Connection | null) => void): void {
    const socket = new InstanceSocket();
    socket.connect({ host: this.#address, port: this.#port });
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
      // The instance has ended, and closed its connections by that.
      this.#closedAfterMs = null;
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
      this.#connected(performance.now());
      const connection: Connection = { socket, last: false, used: false, idleSinceMs: 0 };
      socket.on('close', () => this.#forget(connection));
      done(null, connection);
    });
  }

  /** Puts a connection back among the idle ones. Its request and the answer must be complete. */
  put(connection: Connection): void {
    const { socket } = connection;
    connection.idleSinceMs = performance.now();
    if (connection.last) {
      this.retire(connection);
      return;
    }
    if (this.#closed || this.#idle.length >= maxIdle) {
      socket.destroy();
      return;
    }
    if (!isFit(socket)) {
      if (connection.used) this.lost(connection);
      socket.destroy();
      return;
    }
    // Unexpected bytes would be read as the answer to the next request.
    socket.sink = null;
    this.#idle.push(connection);
  }

  /**
   * The last answer of a connection is complete, and the instance knows that it was the last. It closes first: the port of
   * the side that does so stays in use for a minute (TIME_WAIT), and there are 28,000 of them for one instance.
   */
  retire({ socket }: Connection): void {
    if (this.#closed || this.#retired.size >= maxRetired) {
      socket.destroy();
      return;
    }
    this.#retired.add(socket);
    socket.on('close', () => this.#retired.delete(socket));
    socket.sink = null;
    socket.setTimeout(retiredMs, () => socket.destroy());
    socket.resume();
  }

  /** The instance announced how long it keeps an idle connection. Ours are closed a second earlier. */
  limitIdle(keepAliveMs: number): void {
    this.#announcedMs = keepAliveMs;
    this.#idleMs = Math.min(this.#idleMs, Math.max(0, keepAliveMs - marginMs));
  }

  /** The instance has closed a connection that it had kept after an answer. */
  lost({ idleSinceMs }: Connection): void {
    const idleMs = performance.now() - idleSinceMs;
    this.#closedAfterMs = Math.min(this.#closedAfterMs ?? idleMs, idleMs);
  }

  /** Closes the connections that have been idle for too long. */
  sweep(nowMs: number): void {
    const kept = this.#idle.findIndex(({ idleSinceMs }) => nowMs - idleSinceMs <= this.#idleMs);
    const count = kept === -1 ? this.#idle.length : kept;
    for (const { socket } of this.#idle.splice(0, count)) socket.destroy();
  }

  /**
   * Closes the idle and the retired connections now and each of the others after its request, and abandons those that are
   * being opened: an instance that has gone does not refuse a connection, it stays silent for seconds.
   */
  close(): void {
    this.#closed = true;
    for (const socket of [...this.#opening, ...this.#retired]) socket.destroy();
    for (const { socket } of this.#idle.splice(0)) socket.destroy();
  }

  /**
   * A connection was opened. So the instance lives, and what it closed before that, it closed on purpose: after its idle
   * timeout, which few servers announce, or after its answer.
   */
  #connected(nowMs: number): void {
    const closedAfterMs = this.#closedAfterMs;
    if (closedAfterMs === null) return;
    this.#closedAfterMs = null;
    const promisedMs = this.#announcedMs === null ? shortestTimeoutMs : this.#announcedMs - marginMs;
    if (closedAfterMs < promisedMs) this.#keepAlive.broken(nowMs);
    else this.#idleMs = Math.min(this.#idleMs, closedAfterMs / 2);
  }

  #forget(connection: Connection): void {
    const at = this.#idle.lastIndexOf(connection);
    if (at === -1) return;
    this.#idle.splice(at, 1);
    this.lost(connection);
  }
}

/** Whether the connection can carry a request, as far as known now. */
export function isFit(socket: InstanceSocket): boolean {
  return !socket.destroyed && socket.writable && socket.readable && socket.readableLength === 0;
}
