import type { HostHands } from '../domain/host-hands.ts';
import type { Clock } from '../system/clock.ts';

const steadyMs = 1000;
/** Each attempt is one refused connect: often at first, and never later than a twentieth of what the start has taken. */
const askAgainMs = { least: 15, most: 250, shareOfElapsed: 1 / 20 } as const;

/** Where a web instance must answer, and until when (both by the monotonic clock). */
export interface ReadinessCheck {
  readonly address: string;
  readonly port: number;
  readonly timeoutMs: number;
}

export interface ReadinessDeps {
  /** Of the instance's host. */
  readonly hands: Pick<HostHands, 'answers'>;
  readonly clock: Clock;
}

/**
 * Resolves `ready` as soon as something listens on the port in the instance's own network, `timed-out` after the boot
 * timeout.
 */
export async function awaitPort(
  check: ReadinessCheck,
  { hands, clock }: ReadinessDeps,
  signal: AbortSignal,
): Promise<'ready' | 'timed-out'> {
  const begin = clock.monotonicMs();
  for (;;) {
    if (await hands.answers(check, signal)) return 'ready';
    const elapsedMs = clock.monotonicMs() - begin;
    if (elapsedMs > check.timeoutMs) return 'timed-out';
    const { least, most, shareOfElapsed } = askAgainMs;
    await clock.sleep(Math.min(most, Math.max(least, elapsedMs * shareOfElapsed)), signal);
  }
}

/** Process types without a port: up when they have run for a moment. */
export async function awaitSteady(clock: Clock, signal: AbortSignal): Promise<'ready'> {
  await clock.sleep(steadyMs, signal);
  return 'ready';
}
