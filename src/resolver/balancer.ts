import type { ReleaseWeight } from '../domain/route.ts';
import type { Target } from './target.ts';

/**
 * A release by its weight, where requests are split; of its instances the least in flight, in turns among equals. An instance that hangs keeps its requests and so gets no more after the first
 * few; one that refuses connections is left alone for a while. Returns undefined when there is nobody to ask right now.
 */
export class Balancer {
  #turn = 0;
  #weights: readonly ReleaseWeight[] = [];
  /** What each release is owed, by version: the smooth weighted round robin of nginx (ngx_http_upstream_round_robin.c). */
  readonly #owed = new Map<number, number>();

  /** How requests are split between releases from now on; fewer than two: they are not. */
  split(weights: readonly ReleaseWeight[]): void {
    this.#weights = weights;
    this.#owed.clear();
  }

  /** `avoid`: instances that failed this very request; taken again only when there is no other. */
  choose(targets: readonly Target[], avoid: ReadonlySet<Target> | null, nowMs: number): Target | undefined {
    if (this.#weights.length > 1) {
      const release = this.#nextRelease();
      const isFit = (target: Target) => !target.draining && !target.isQuarantined(nowMs) && !avoid?.has(target);
      const own = targets.filter((target) => target.release === release && isFit(target));
      if (own.length > 0) return this.#least(own, null, nowMs);
    }
    return this.#least(targets, avoid, nowMs);
  }

  /** Of ten requests at 9 to 1 the one is in the middle of the nine, not at their end. */
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
    this.#turn = (this.#turn + 1) % Math.max(1, count);
    for (let step = 0; step < count; step += 1) {
      const target = targets[(this.#turn + step) % count];
      if (!target || target.draining || target.isQuarantined(nowMs)) continue;
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
