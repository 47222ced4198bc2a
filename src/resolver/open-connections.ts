import type { Socket } from 'node:net';
import { type Ceilings, ceilingsOf } from './limits.ts';
import { WaitingConnections } from './waiting-connections.ts';

/** What a connection's request is for. */
export type Use = 'app' | 'platform';

interface Open {
  /** Null for a connection that gives way to no other one: the operator's, a trusted proxy's. */
  readonly client: string | null;
  readonly isOperator: boolean;
  use: Use | null;
}

/**
 * The clients' connections, and what they are used for. A connection is not known to be for the platform before its first
 * request was read. So a new one is admitted as long as another one that carries no request can give way to it, and what may
 * carry requests to apps has a ceiling below the number of connections.
 */
export class OpenConnections {
  readonly #limit: number;
  readonly #ceilings: Ceilings;
  readonly #open = new Map<Socket, Open>();
  readonly #waiting = new WaitingConnections();
  readonly #used: Record<Use, number> = { app: 0, platform: 0 };

  constructor(limit: number) {
    this.#limit = limit;
    this.#ceilings = ceilingsOf(limit);
  }

  get count(): number {
    return this.#open.size;
  }

  /** False when there is no room, and no other connection that can give way. */
  add(socket: Socket, client: string | null, isOperator: boolean): boolean {
    if (this.#open.size >= (isOperator ? this.#limit : this.#ceilings.strangers) && !this.#makeRoom()) return false;
    this.#open.set(socket, { client, isOperator, use: null });
    if (client !== null) this.#waiting.add(client, socket);
    socket.once('close', () => this.#remove(socket));
    return true;
  }

  /** The connection's request has begun. False, and nothing changes, when there are too many for this use. */
  begin(socket: Socket, use: Use): boolean {
    const open = this.#open.get(socket);
    if (!open) return true;
    const ceiling = use === 'app' ? this.#ceilings.apps : this.#ceilings.platform;
    if (this.#used[use] >= ceiling && !open.isOperator) return false;
    if (open.client !== null) this.#waiting.remove(open.client, socket);
    open.use = use;
    this.#used[use] += 1;
    return true;
  }

  /** The connection's request is over. */
  end(socket: Socket): void {
    const open = this.#open.get(socket);
    if (!open?.use) return;
    this.#used[open.use] -= 1;
    open.use = null;
    if (open.client !== null) this.#waiting.add(open.client, socket);
  }

  #makeRoom(): boolean {
    const socket = this.#waiting.next();
    if (!socket) return false;
    this.#remove(socket);
    socket.destroy();
    return true;
  }

  #remove(socket: Socket): void {
    const open = this.#open.get(socket);
    if (!open) return;
    this.#open.delete(socket);
    if (open.use) this.#used[open.use] -= 1;
    else if (open.client !== null) this.#waiting.remove(open.client, socket);
  }
}
