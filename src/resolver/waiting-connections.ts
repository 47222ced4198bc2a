import type { Socket } from 'node:net';

interface Waiting {
  readonly client: string;
  /** The one that waits longest first. */
  readonly sockets: Set<Socket>;
}

/**
 * The connections that carry no request: new ones, and idle ones between two requests. When there is no room for another
 * connection, the client with the most of them loses the oldest.
 */
export class WaitingConnections {
  readonly #clients = new Map<string, Waiting>();
  /** The clients with n waiting connections, at n. */
  readonly #byCount: Set<Waiting>[] = [];

  add(client: string, socket: Socket): void {
    const waiting = this.#clients.get(client) ?? { client, sockets: new Set() };
    if (waiting.sockets.has(socket)) return;
    this.#clients.set(client, waiting);
    this.#change(waiting, () => waiting.sockets.add(socket));
  }

  remove(client: string, socket: Socket): void {
    const waiting = this.#clients.get(client);
    if (!waiting?.sockets.has(socket)) return;
    this.#change(waiting, () => waiting.sockets.delete(socket));
    if (waiting.sockets.size === 0) this.#clients.delete(client);
  }

  /** The next one to give way. */
  next(): Socket | undefined {
    const [waiting] = this.#byCount.at(-1) ?? [];
    const [socket] = waiting?.sockets ?? [];
    return socket;
  }

  #change(waiting: Waiting, change: () => void): void {
    this.#byCount[waiting.sockets.size]?.delete(waiting);
    change();
    const count = waiting.sockets.size;
    while (this.#byCount.length <= count) this.#byCount.push(new Set());
    if (count > 0) this.#byCount[count]?.add(waiting);
    while (this.#byCount.at(-1)?.size === 0) this.#byCount.pop();
  }
}
