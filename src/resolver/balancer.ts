import type { ReleaseWeight } from '../domain/route.ts';
import type { Target } from './target.ts';

/**
 * Chooses the instance for a request. Where requests are split between releases, a release is chosen by weight first.
 * Among the instances the one with the least in flight is chosen, round-robin among equals. An instance that hangs
 * keeps its requests in flight, so it gets no more after the first few. One that has as many as it may is left out. One that
 * refused a connection is avoided for a while.
 */
export class Balancer {
  #first = 0;
  #weights: readonly ReleaseWeight[] = [];
  /**
   * What each release is owed, by version, in the smooth weighted round-robin of nginx
   * (ngx_http_upstream_round_robin.c).
   */
  readonly #owed = new Map<number, number>();

  /** Sets how requests are split between releases. With fewer than two weights they are not split. */
  split(weights: readonly ReleaseWeight[]): void {
    this.#weights = weights;
    this.#owed.clear();
  }

  /**
   * `avoid`: instances that failed this request already. They are chosen again only when there is no other. Returns
   * undefined when no instance can be tried now.
   */
  choose(targets: readonly Target[], avoid: ReadonlySet<Target> | null, nowMs: number): Target | undefined {
    if (this.#weights.length > 1) {
      const release = this.#nextRelease();
      const isFit = (target: Target) =>
        !target.draining && !target.isFull && !target.isQuarantined(nowMs) && !avoid?.has(target);
      const own = targets.filter((target) => target.release === release && isFit(target));
      if (own.length > 0) return this.#least(own, null, nowMs);
    }
    return this.#least(targets, avoid, nowMs);
  }

  /** With weights 9 and 1 the single request falls into the middle of the nine, not at their end. */
  #nextRelease(): number | undefined {
    let next: number | undefined;
    let total = 0;
    for (const { release, weight } of this.#weights) {
      total += weight;
      this.#owed.set(release, (this.#owed.get(release) ?? 0) + weight);
      if (next === undefined || (this.#owed.get(release) ?? 0) > (this.#owed.get(next) ?? 0)) next = release;
    }
    if (next !== undefined) this.#owed.set(next, (this.#owed.get(next) ?? 0) - total);
    return next;
  }

  #least(targets: readonly Target[], avoid: ReadonlySet<Target> | null, nowMs: number): Target | undefined {
    const count = targets.length;
    let best: Target | undefined;
    let avoided: Target | undefined;
    this.#first = (this.#first + 1) % Math.max(1, count);
    for (let step = 0; step < count; step += 1) {
      const target = targets[(this.#first + step) % count];
      if (!target || target.draining || target.isFull || target.isQuarantined(nowMs)) continue;
      if (avoid?.has(target)) avoided ??= target;
      else if (!best || target.load < best.load) best = target;
    }
    return (
      best ??
      avoided ??
      targets.find((target) => !target.draining && target.isQuarantined(nowMs) && target.mayProbe(nowMs))
    );
  }
}
