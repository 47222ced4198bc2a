import type { Socket } from 'node:net';
import { MinimumRate, type RateFloor } from '../system/minimum-rate.ts';
import { kernelQueues } from './kernel-queues.ts';

/** A client that sends the body of a request, or is sent an answer. */
export interface WatchedClient {
  readonly socket: Socket;
  /** What it has sent of the body. */
  readonly receivedBytes: number;
  /** Whether the resolver waits for more of the body, and for nobody else. */
  readonly isAwaited: boolean;
  /** It is slower than the minimum rate. Called once. */
  cut(): void;
}

export interface SlowClientsOptions {
  /** 0: nobody is too slow. */
  readonly minBytesPerSecond: number;
  /** A client has this long before it has to have moved anything, and what it has moved pays for so long a pause. */
  readonly slowAfterMs: number;
  readonly slowSweepMs: number;
}

interface Rates {
  sends: MinimumRate | null;
  /** Null while nothing waits for the client. */
  reads: MinimumRate | null;
  /** What the client has acknowledged, at least. */
  readBytes: number;
}

/**
 * Cuts clients that send or read below a minimum rate, and so keep connections and memory of the resolver and of an app for
 * as long as they like. Who is waited for, and how much it has moved, is asked every few seconds; a stream with nothing to
 * send may be silent.
 */
export class SlowClients {
  readonly #options: SlowClientsOptions;
  readonly #clients = new Map<WatchedClient, Rates>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: SlowClientsOptions) {
    this.#options = options;
  }

  /** Until `remove`. May be called again. */
  add(client: WatchedClient): void {
    if (this.#options.minBytesPerSecond === 0 || this.#clients.has(client)) return;
    this.#clients.set(client, { sends: null, reads: null, readBytes: 0 });
    this.#sweepLater();
  }

  remove(client: WatchedClient): void {
    this.#clients.delete(client);
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#clients.clear();
  }

  get #floor(): RateFloor {
    const { minBytesPerSecond: bytesPerSecond, slowAfterMs } = this.#options;
    return { bytesPerSecond, graceMs: slowAfterMs, longestMs: slowAfterMs };
  }

  #sweepLater(): void {
    this.#timer ??= setTimeout(() => void this.#sweep(), this.#options.slowSweepMs).unref();
  }

  async #sweep(): Promise<void> {
    const isRead = [...this.#clients.keys()].some(({ socket }) => socket.writableLength > 0);
    const queueOf = isRead ? await kernelQueues() : () => 0;
    this.#timer = null;
    const nowMs = performance.now();
    for (const [client, rates] of this.#clients) {
      const bytes = client.receivedBytes;
      rates.sends ??= new MinimumRate(this.#floor, nowMs, bytes);
      const isSending = rates.sends.isMet({ nowMs, bytes, isAwaited: client.isAwaited });
      if (isSending && this.#reads(client, rates, queueOf(client.socket))) continue;
      this.#clients.delete(client);
      client.cut();
    }
    if (this.#clients.size > 0) this.#sweepLater();
  }

  #reads({ socket }: WatchedClient, rates: Rates, queuedBytes: number): boolean {
    if (socket.writableLength === 0) {
      rates.reads = null;
      return true;
    }
    const nowMs = performance.now();
    // The queue was looked at before, and may have grown since.
    const acknowledged = socket.bytesWritten - socket.writableLength - queuedBytes;
    rates.readBytes = Math.max(rates.readBytes, acknowledged);
    rates.reads ??= new MinimumRate(this.#floor, nowMs, rates.readBytes);
    return rates.reads.isMet({ nowMs, bytes: rates.readBytes, isAwaited: true });
  }
}
