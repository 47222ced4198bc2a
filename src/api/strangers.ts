import type { Socket } from 'node:net';

/**
 * The connections whose present request has shown no valid token: new ones, idle ones, and those that are being refused.
 * When there are too many, the one that has been here longest is cut. So an attacker with any number of slow connections
 * cuts its own, and a new connection has time to show a token.
 */
export class Strangers {
  readonly #limit: number;
  /** The longest here first. */
  readonly #sockets = new Set<Socket>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#sockets.size;
  }

  has(socket: Socket): boolean {
    return this.#sockets.has(socket);
  }

  add(socket: Socket): void {
    if (socket.destroyed) return;
    this.#sockets.delete(socket);
    this.#sockets.add(socket);
    const [longest] = this.#sockets;
    if (this.#sockets.size <= this.#limit || !longest) return;
    this.#sockets.delete(longest);
    longest.destroy();
  }

  remove(socket: Socket): void {
    this.#sockets.delete(socket);
  }
}
