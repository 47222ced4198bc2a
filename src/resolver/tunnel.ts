import type { Duplex } from 'node:stream';
import type { Closable, Target } from './target.ts';
import { FrameBoundary, goingAwayFrame } from './websocket-frames.ts';

export interface TunnelEnds {
  readonly client: Duplex;
  readonly instance: Duplex;
}

const farewellMs = 1_000;

/**
 * Two connections joined after a switch of protocols: bytes are copied both ways until one side ends, both are silent
 * for `idleMs`, or `close` is called.
 */
export class Tunnel implements Closable {
  readonly #client: Duplex;
  readonly #instance: Duplex;
  readonly #target: Target;
  readonly #frames: FrameBoundary | null;
  readonly #over = Promise.withResolvers<number>();
  #ended = false;
  #toClientBytes = 0;

  constructor({ client, instance }: TunnelEnds, target: Target, isWebSocket: boolean) {
    this.#client = client;
    this.#instance = instance;
    this.#target = target;
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
    if (rest.toClient.length > 0) {
      this.#countToClient(rest.toClient);
      this.#client.write(rest.toClient);
    }
    if (rest.toInstance.length > 0) this.#instance.write(rest.toInstance);
    this.#instance.on('data', (chunk: Buffer) => this.#countToClient(chunk));
    this.#client.pipe(this.#instance);
    this.#instance.pipe(this.#client);
    // A socket's idle timer counts reads and writes, so one side's silence is the silence of both.
    setIdleTimeout(this.#client, idleMs, () => this.#end());
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
    this.#instance.unpipe(this.#client);
    this.#client.end(goingAwayFrame);
    this.#client.resume();
    setTimeout(() => this.#end(), farewellMs).unref();
  }

  #countToClient(chunk: Buffer): void {
    this.#frames?.push(chunk);
    this.#toClientBytes += chunk.length;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#client.destroy();
    this.#instance.destroy();
    this.#target.endTunnel(this);
    this.#over.resolve(this.#toClientBytes);
  }
}

function setIdleTimeout(stream: Duplex, ms: number, passed: () => void): void {
  const socket = stream as Duplex & { setTimeout?(ms: number, callback: () => void): void };
  socket.setTimeout?.(ms, passed);
}
