import type { ResolverEvent } from './protocol.ts';
import type { Destination } from './router.ts';
import type { RouterCode } from './router-codes.ts';
import type { Target } from './target.ts';

const backlogLength = 1_000;
const refusedEveryMs = 1_000;

/** What the orchestrator should hear of: requests that failed, for their app's log, and instances that refuse connections. */
export class ResolverNotices {
  readonly #listeners = new Set<(event: ResolverEvent) => void>();
  readonly #refusedAtMs = new WeakMap<Target, number>();
  /** What happened while nobody listened: the orchestrator is being replaced, and its apps' logs should not have a hole. */
  #backlog: ResolverEvent[] = [];

  get listeners(): number {
    return this.#listeners.size;
  }

  requestFailed(code: RouterCode, destination: Destination, target: Target | null, text: string): void {
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

  /** At most once a second for each instance: under load every request meets the same fact. */
  connectRefused(destination: Destination, target: Target, reason: string): void {
    const nowMs = performance.now();
    if (destination.appId === null || nowMs - (this.#refusedAtMs.get(target) ?? -refusedEveryMs) < refusedEveryMs)
      return;
    this.#refusedAtMs.set(target, nowMs);
    const { appId } = destination;
    const { instanceId } = target;
    this.#tell({ type: 'connect_refused', at: new Date().toISOString(), appId, instanceId, reason });
  }

  /** The first listener also gets what nobody heard. Returns how to stop listening. */
  subscribe(listener: (event: ResolverEvent) => void): () => void {
    this.#listeners.add(listener);
    const missed = this.#backlog;
    this.#backlog = [];
    for (const event of missed) listener(event);
    return () => this.#listeners.delete(listener);
  }

  #tell(event: ResolverEvent): void {
    for (const listener of this.#listeners) listener(event);
    if (this.#listeners.size > 0) return;
    this.#backlog.push(event);
    if (this.#backlog.length > backlogLength) this.#backlog.shift();
  }
}
