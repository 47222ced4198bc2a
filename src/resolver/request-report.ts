import { type AccessFacts, errorLine, servedLine } from './access-log.ts';
import { type HCode, hCodes } from './h-codes.ts';
import type { Destination } from './live-routes.ts';
import type { RequestEvents } from './request-events.ts';
import type { RequestHead } from './request-head.ts';
import type { Target } from './target.ts';

export interface FailureFacts {
  /** Of the answer's body. */
  readonly sentBytes: number;
  /** The rule of HTTP that the answer broke. */
  readonly rule?: string | null;
}

/** Collects what the log line of one request says. Without a destination there is no app, and so no log. */
export class RequestReport {
  readonly #head: RequestHead;
  readonly #events: RequestEvents;
  readonly #startedAtMs = performance.now();
  #target: Target | null = null;
  #connectedAtMs: number | null = null;

  constructor(head: RequestHead, events: RequestEvents) {
    this.#head = head;
    this.#events = events;
  }

  /** The request has a connection to this instance. The last one is the one that the log names. */
  connected(target: Target, nowMs: number): void {
    this.#target = target;
    this.#connectedAtMs = nowMs;
  }

  failed(code: HCode, destination: Destination | undefined, { sentBytes, rule = null }: FailureFacts): void {
    if (!destination) return;
    const request = { destination, target: this.#target };
    const line = () => errorLine(code, this.#facts(hCodes[code].status, sentBytes || null), rule);
    if (code === 'H11') this.#events.requestRefused(request, code, line);
    else this.#events.requestFailed(request, code, line());
  }

  /** Refused because of what is under way. `limit` says which limit was reached. */
  refused(
    code: HCode,
    destination: Destination | undefined,
    { status, limit }: { status: number; limit: string },
  ): void {
    if (!destination) return;
    const line = () => errorLine(code, this.#facts(status, null), limit);
    this.#events.requestRefused({ destination, target: null }, code, line);
  }

  /** `status` and `sentBytes` of the instance's answer. */
  served(destination: Destination | undefined, status: number, sentBytes: number): void {
    if (!destination) return;
    const line = () => servedLine(this.#facts(status, sentBytes));
    this.#events.requestServed({ destination, target: this.#target }, line);
  }

  #facts(status: number, bytes: number | null): AccessFacts {
    const connectedAtMs = this.#connectedAtMs;
    return {
      head: this.#head,
      process: this.#target?.name ?? '',
      connectMs: connectedAtMs === null ? null : connectedAtMs - this.#startedAtMs,
      serviceMs: connectedAtMs === null ? null : performance.now() - connectedAtMs,
      status,
      bytes,
    };
  }
}
