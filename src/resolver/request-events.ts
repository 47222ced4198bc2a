import type { ResolverEvent } from '../domain/resolver-protocol.ts';
import { systemClock } from '../system/clock.ts';
import type { HCode } from './h-codes.ts';
import type { Destination } from './live-routes.ts';
import { ServedRequests } from './served-requests.ts';
import type { Target } from './target.ts';

const backlogLength = 1_000;

/** What the orchestrator should hear of: requests, for their app's log. */
export class RequestEvents {
  readonly #listeners = new Set<(event: ResolverEvent) => void>();
  readonly #served = new ServedRequests(
    (appId, count) =>
      this.#tellServed(appId, null, `at=info desc="More requests than are told one by one" requests=${count}`),
    systemClock,
  );
  /** What happened while nobody listened: the orchestrator is being replaced, and its apps' logs should not have a hole. */
  #backlog: ResolverEvent[] = [];

  get listeners(): number {
    return this.#listeners.size;
  }

  requestFailed(code: HCode, destination: Destination, target: Target | null, text: string): void {
    if (destination.appId === null) return;
    this.#tell({
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

  /** Of what went well nothing is kept for a listener that comes later: it is the failures that must not be missed. */
  requestServed(destination: Destination, target: Target | null, line: () => string): void {
    const { appId } = destination;
    if (appId === null || this.#listeners.size === 0 || !this.#served.admits(appId)) return;
    this.#tellServed(appId, target?.release ?? null, line());
  }

  /** The first listener also gets what nobody heard. Returns how to stop listening. */
  subscribe(listener: (event: ResolverEvent) => void): () => void {
    this.#listeners.add(listener);
    const missed = this.#backlog;
    this.#backlog = [];
    for (const event of missed) listener(event);
    return () => this.#listeners.delete(listener);
  }

  #tellServed(appId: string, release: number | null, text: string): void {
    if (this.#listeners.size === 0) return;
    this.#tell({ type: 'request_served', at: new Date().toISOString(), appId, release, process: 'router', text });
  }

  #tell(event: ResolverEvent): void {
    for (const listener of this.#listeners) listener(event);
    if (this.#listeners.size > 0) return;
    this.#backlog.push(event);
    if (this.#backlog.length > backlogLength) this.#backlog.shift();
  }
}
