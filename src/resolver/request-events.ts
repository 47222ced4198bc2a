import type { ResolverEvent } from '../domain/resolver-protocol.ts';
import { systemClock } from '../system/clock.ts';
import type { HCode } from './h-codes.ts';
import type { Destination } from './live-routes.ts';
import { ServedRequests } from './served-requests.ts';
import type { Target } from './target.ts';

const backlogLength = 1_000;

/** `target`: the instance that got the request last. Null when none was reached. */
export interface RoutedRequest {
  readonly destination: Destination;
  readonly target: Target | null;
}

/** Reports requests to the orchestrator, which writes them into the log of their app. */
export class RequestEvents {
  readonly #listeners = new Set<(event: ResolverEvent) => void>();
  readonly #served = new ServedRequests(
    (appId, count) =>
      this.#emitServed(appId, null, `at=info desc="More requests than have a line of their own" requests=${count}`),
    systemClock,
  );
  readonly #refused = new ServedRequests(
    (appId, count) =>
      this.#emitServed(
        appId,
        null,
        `at=error desc="More refused requests than have a line of their own" requests=${count}`,
      ),
    systemClock,
  );
  /** When the listener came that is there now; null when there is none. By the monotonic clock. */
  #heardSinceMs: number | null = null;
  /** Events without a listener: while the orchestrator is being replaced, its apps' logs must not have gaps. */
  #backlog: ResolverEvent[] = [];

  get listeners(): number {
    return this.#listeners.size;
  }

  /** When the orchestrator that listens now began to, by the monotonic clock. Null while none does. */
  get heardSinceMs(): number | null {
    return this.#heardSinceMs;
  }

  requestFailed({ destination, target }: RoutedRequest, code: HCode, text: string): void {
    if (destination.appId === null) return;
    this.#emit({
      type: 'request_failed',
      at: new Date().toISOString(),
      appId: destination.appId,
      code,
      instanceId: target?.instanceId ?? null,
      release: target?.release ?? null,
      process: 'router',
      text,
    });
  }

  /** A limit was reached. Whoever causes that causes it often, so not each of these has a line. */
  requestRefused(request: RoutedRequest, code: HCode, line: () => string): void {
    const { appId } = request.destination;
    if (appId !== null && this.#refused.admits(appId)) this.requestFailed(request, code, line());
  }

  /** Without a listener a served request is not kept: only failures must not be missed. */
  requestServed({ destination, target }: RoutedRequest, line: () => string): void {
    const { appId } = destination;
    if (appId === null || this.#listeners.size === 0 || !this.#served.admits(appId)) return;
    this.#emitServed(appId, target?.release ?? null, line());
  }

  /** Something of the request that the app's owner should know, beside what became of it. */
  noticed({ destination, target }: RoutedRequest, text: string): void {
    if (destination.appId !== null) this.#emitServed(destination.appId, target?.release ?? null, text);
  }

  /** The first listener also gets the events that had none. Returns a function that ends the subscription. */
  subscribe(listener: (event: ResolverEvent) => void): () => void {
    this.#listeners.add(listener);
    this.#heardSinceMs ??= performance.now();
    const missed = this.#backlog;
    this.#backlog = [];
    for (const event of missed) listener(event);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#heardSinceMs = null;
    };
  }

  #emitServed(appId: string, release: number | null, text: string): void {
    if (this.#listeners.size === 0) return;
    this.#emit({ type: 'request_served', at: new Date().toISOString(), appId, release, process: 'router', text });
  }

  #emit(event: ResolverEvent): void {
    for (const listener of this.#listeners) listener(event);
    if (this.#listeners.size > 0) return;
    this.#backlog.push(event);
    if (this.#backlog.length > backlogLength) this.#backlog.shift();
  }
}
