import type { Duplex } from 'node:stream';
import type { Closable, Target } from './target.ts';
import { FrameBoundary, goingAwayFrame } from './websocket-frames.ts';

export interface TunnelEnds {
  readonly client: Duplex;
  readonly instance: Duplex;
}

const farewellMs = 1_000;

/** A connection handed over: bytes both ways until one side ends, both are silent for too long, or it is closed. */
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
   * `rest`: what the instance sent behind its answer, and the client behind its request. Resolves with the number of bytes
   * that went to the client, when it is over.
   */
  start(rest: { readonly toClient: Buffer; readonly toInstance: Buffer }, idleMs: number): Promise<number> {
    this.#target.becomeTunnel(this);
    for (const side of [this.#client, this.#instance]) {
      side.on('error', () => this.#end());
      side.on('close', () => this.#end());
    }
    if (rest.toClient.length > 0) {
      this.#heard(rest.toClient);
      this.#client.write(rest.toClient);
    }
    if (rest.toInstance.length > 0) this.#instance.write(rest.toInstance);
    this.#instance.on('data', (chunk: Buffer) => this.#heard(chunk));
    this.#client.pipe(this.#instance);
    this.#instance.pipe(this.#client);
    // Reads and writes both count as life on either side, so one side's silence is the silence of both.
    setIdleTimeout(this.#client, idleMs, () => this.#end());
    return this.#over.promise;
  }

  /** The instance is about to stop: a WebSocket's client is told that it is going away, where that can be said. */
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

  #heard(chunk: Buffer): void {
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
