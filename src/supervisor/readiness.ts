import type { HostHands } from '../domain/host-hands.ts';
import type { Clock } from '../system/clock.ts';

const steadyMs = 1000;
/** The wait between two attempts: a twentieth of the time since the start, within these bounds. A refused connect is cheap. */
const askAgainMs = { least: 15, most: 250, shareOfElapsed: 1 / 20 } as const;

/** Where a web instance must answer, and within which time. */
export interface ReadinessCheck {
  readonly address: string;
  /** The preferred port first. */
  readonly ports: readonly number[];
  readonly timeoutMs: number;
}

export interface ReadinessDeps {
  /** The hands on the instance's host. */
  readonly hands: Pick<HostHands, 'answers'>;
  readonly clock: Clock;
}

/** The wait for a better port, once one answers: as long as that one took, within these bounds. */
const betterPortMs = { least: 1000, most: 10_000 } as const;

/**
 * Resolves with the port as soon as something listens on it in the instance's own network, null after the boot timeout. Of
 * several ports it is the first one of the list that answers, and the others get some more time when it is not the very first.
 */
export async function awaitPort(
  { address, ports, timeoutMs }: ReadinessCheck,
  { hands, clock }: ReadinessDeps,
  signal: AbortSignal,
): Promise<number | null> {
  const begin = clock.monotonicMs();
  let decideAtMs = Number.POSITIVE_INFINITY;
  for (;;) {
    const answered = await Promise.all(ports.map((port) => hands.answers({ address, port }, signal)));
    const best = ports.find((_port, index) => answered[index]) ?? null;
    const elapsedMs = clock.monotonicMs() - begin;
    if (best !== null) {
      const { least, most } = betterPortMs;
      decideAtMs = Math.min(decideAtMs, elapsedMs + Math.min(most, Math.max(least, elapsedMs)));
    }
    if (best !== null && (best === ports[0] || elapsedMs >= decideAtMs)) return best;
    if (elapsedMs > timeoutMs) return best;
    const { least, most, shareOfElapsed } = askAgainMs;
    await clock.sleep(Math.min(most, Math.max(least, elapsedMs * shareOfElapsed)), signal);
  }
}

/** Resolves after 1 s: a process type without a port is up when it has run as long. */
export async function awaitSteady(clock: Clock, signal: AbortSignal): Promise<'ready'> {
  await clock.sleep(steadyMs, signal);
  return 'ready';
}
