import type { Target } from './target.ts';

/**
 * Least in flight, in turns among equals. An instance that hangs keeps its requests and so gets no more after the first
 * few; one that refuses connections is left alone for a while. Returns undefined when there is nobody to ask right now.
 */
export class Balancer {
  #turn = 0;

  /** `avoid`: instances that failed this very request; taken again only when there is no other. */
  choose(targets: readonly Target[], avoid: ReadonlySet<Target> | null, nowMs: number): Target | undefined {
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
