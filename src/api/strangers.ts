import type { Socket } from 'node:net';
import type { Logger } from '../system/logger.ts';

const warnEveryMs = 60_000;

/**
 * The connections whose present request has shown no valid token: new ones, idle ones, and those that are being refused.
 * When there are too many, the one that has been here longest is cut. So an attacker with any number of slow connections
 * cuts its own, and a new connection has time to show a token.
 */
export class Strangers {
  readonly #limit: number;
  readonly #logger: Logger;
  /** The longest here first. */
  readonly #sockets = new Set<Socket>();

  #cut = 0;
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  constructor(limit: number, logger: Logger) {
    this.#limit = limit;
    this.#logger = logger;
  }

  add(socket: Socket): void {
    if (socket.destroyed) return;
    this.#sockets.delete(socket);
    this.#sockets.add(socket);
    const [longest] = this.#sockets;
    if (this.#sockets.size <= this.#limit || !longest) return;
    this.#sockets.delete(longest);
    longest.destroy();
    this.#cut += 1;
    this.#warn();
  }

  remove(socket: Socket): void {
    this.#sockets.delete(socket);
  }

  #warn(): void {
    const nowMs = performance.now();
    if (nowMs - this.#warnedAtMs < warnEveryMs) return;
    this.#warnedAtMs = nowMs;
    const facts = { limit: this.#limit, cut: this.#cut };
    this.#cut = 0;
    this.#logger.warn('Too many connections without a valid token are open, so the longest open ones are cut.', facts);
  }
}
