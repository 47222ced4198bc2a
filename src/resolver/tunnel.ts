import type { Socket } from 'node:net';
import type { InstanceSocket } from './instance-socket.ts';
import { Outlet } from './outlet.ts';
import type { Closable, Target } from './target.ts';
import { inTurn } from './turns.ts';
import { FrameBoundary, goingAwayFrame } from './websocket-frames.ts';

export interface TunnelEnds {
  readonly client: Socket;
  readonly instance: InstanceSocket;
}

const farewellMs = 1_000;

/**
 * Two connections joined after a switch of protocols: bytes are copied both ways until one side ends, both are silent
 * for `idleMs`, or `close` is called.
 */
export class Tunnel implements Closable {
  readonly #client: Socket;
  readonly #instance: InstanceSocket;
  readonly #toClient: Outlet;
  readonly #toInstance: Outlet;
  readonly #target: Target;
  readonly #frames: FrameBoundary | null;
  readonly #over = Promise.withResolvers<number>();
  #ended = false;
  #toClientBytes = 0;

  constructor({ client, instance }: TunnelEnds, target: Target, isWebSocket: boolean) {
    this.#client = client;
    this.#instance = instance;
    this.#target = target;
    this.#toClient = new Outlet(client, () => instance.resume());
    // A read of a client is larger than what makes an outlet full, so after each it is the turn of others.
    this.#toInstance = new Outlet(instance, () => inTurn(() => client.resume()));
    this.#frames = isWebSocket ? new FrameBoundary() : null;
  }

  /**
   * `rest`: the bytes that followed the instance's answer and the client's request. Resolves at the end with the number
   * of bytes sent to the client.
   */
  start(rest: { readonly toClient: Buffer; readonly toInstance: Buffer }, idleMs: number): Promise<number> {
    this.#target.becomeTunnel(this);
    for (const side of [this.#client, this.#instance]) {
      side.on('error', () => this.#end());
      side.on('close', () => this.#end());
    }
    this.#instance.sink = (bytes) => {
      this.#sendToClient(bytes);
      return 1;
    };
    this.#client.on('data', (bytes: Buffer) => this.#sendToInstance(bytes));
    this.#instance.on('end', () => {
      this.#toClient.flush();
      this.#client.end();
    });
    this.#client.on('end', () => {
      this.#toInstance.flush();
      this.#instance.end();
    });
    this.#sendToClient(rest.toClient);
    this.#sendToInstance(rest.toInstance);
    // A socket's idle timer counts reads and writes, so one side's silence is the silence of both.
    this.#client.setTimeout(idleMs, () => this.#end());
    return this.#over.promise;
  }

  /**
   * To be called before the instance stops. The client of a WebSocket gets a "going away" frame first, if the stream is
   * between two frames.
   */
  close(): void {
    if (this.#ended) return;
    if (!this.#frames?.reached) {
      this.#end();
      return;
    }
    this.#instance.sink = () => 1;
    this.#toClient.flush();
    this.#client.end(goingAwayFrame);
    this.#client.resume();
    setTimeout(() => this.#end(), farewellMs).unref();
  }

  #sendToClient(bytes: Buffer): void {
    this.#frames?.push(bytes);
    this.#toClientBytes += bytes.length;
    if (!this.#toClient.write(bytes)) this.#instance.pause();
  }

  #sendToInstance(bytes: Buffer): void {
    if (!this.#toInstance.write(bytes, true)) this.#client.pause();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#client.destroy();
    this.#instance.destroy();
    this.#toClient.close();
    this.#toInstance.close();
    this.#target.endTunnel(this);
    this.#over.resolve(this.#toClientBytes);
  }
}
