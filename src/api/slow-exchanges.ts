import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MinimumRate } from '../system/minimum-rate.ts';
import type { EntranceLimits } from './entrance-limits.ts';
import { hasUnreadBody } from './linger.ts';

/** What a client has sent earlier pays for a stall of git, which compresses while it sends. */
const longestSilenceMs = 120_000;
/**
 * The system takes up to some MB for a slow reader at once and then nothing for minutes. Only after this much does its
 * silence say something.
 */
const longestUnreadMs = 600_000;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly sinceMs: number;
  readonly input: MinimumRate;
  readonly output: MinimumRate;
  isKnown: boolean;
}

type Limits = Pick<EntranceLimits, 'minBytesPerSecond' | 'graceMs' | 'strangerMs' | 'sweepEveryMs'>;

/**
 * Cuts the requests whose client sends its body, or reads its answer, below the minimum rate. An answer with nothing to
 * send, such as a silent log, waits for as long as it likes.
 */
export class SlowExchanges {
  readonly #limits: Limits;
  readonly #exchanges = new Map<IncomingMessage, Exchange>();
  readonly #timer: NodeJS.Timeout;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#timer = setInterval(() => this.#sweep(performance.now()), limits.sweepEveryMs).unref();
  }

  add(request: IncomingMessage, response: ServerResponse): void {
    const { minBytesPerSecond: bytesPerSecond, graceMs } = this.#limits;
    const sinceMs = performance.now();
    const input = new MinimumRate(
      { bytesPerSecond, graceMs, longestMs: Math.max(graceMs, longestSilenceMs) },
      sinceMs,
      request.socket.bytesRead,
    );
    const output = new MinimumRate(
      { bytesPerSecond, graceMs, longestMs: Math.max(graceMs, longestUnreadMs) },
      sinceMs,
      taken(request),
    );
    this.#exchanges.set(request, { request, response, sinceMs, input, output, isKnown: false });
  }

  /** Its token is valid. */
  known(request: IncomingMessage): void {
    const exchange = this.#exchanges.get(request);
    if (exchange) exchange.isKnown = true;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sweep(nowMs: number): void {
    for (const [request, exchange] of this.#exchanges) {
      if (isOver(exchange)) this.#exchanges.delete(request);
      else {
        const why = this.#lateness(exchange, nowMs);
        if (why !== null) this.#cut(exchange, why);
      }
    }
  }

  #lateness({ request, input, output, isKnown, sinceMs }: Exchange, nowMs: number): string | null {
    const { strangerMs, minBytesPerSecond } = this.#limits;
    if (!isKnown && nowMs - sinceMs > strangerMs) {
      return `The request showed no valid token within ${Math.round(strangerMs / 1000)} s.`;
    }
    const { socket } = request;
    const isSending = hasUnreadBody(request) && request.readableLength === 0 && !request.isPaused();
    const isReading = socket.writableLength > 0;
    const sends = input.isMet({ nowMs, bytes: socket.bytesRead, isAwaited: isSending });
    const reads = output.isMet({ nowMs, bytes: taken(request), isAwaited: isReading });
    return sends && reads ? null : `The client was slower than ${minBytesPerSecond} bytes a second.`;
  }

  #cut({ request, response }: Exchange, message: string): void {
    this.#exchanges.delete(request);
    const { socket } = request;
    if (response.headersSent) {
      socket.destroy();
      return;
    }
    response.shouldKeepAlive = false;
    response.writeHead(408, { 'Content-Type': 'application/json; charset=utf-8' });
    response.end(JSON.stringify({ id: 'timeout', message, request_id: randomUUID() }));
    setTimeout(() => socket.destroy(), this.#limits.sweepEveryMs).unref();
  }
}

function isOver({ request, response }: Exchange): boolean {
  return request.socket.destroyed || (response.closed && !hasUnreadBody(request));
}

/** How many bytes the client, or the system for it, has taken. */
function taken({ socket }: IncomingMessage): number {
  return socket.bytesWritten - socket.writableLength;
}
