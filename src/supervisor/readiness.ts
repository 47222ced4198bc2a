import type { HostHands } from '../domain/host-hands.ts';
import type { Clock } from '../system/clock.ts';

const steadyMs = 1000;
/** The wait between two attempts: a twentieth of the time since the start, within these bounds. A refused connect is cheap. */
const askAgainMs = { least: 15, most: 250, shareOfElapsed: 1 / 20 } as const;

/** Where a web instance must answer, and within which time. */
export interface ReadinessCheck {
  readonly address: string;
  readonly port: number;
  readonly timeoutMs: number;
}

export interface ReadinessDeps {
  /** The hands on the instance's host. */
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

/** Resolves after 1 s: a process type without a port is up when it has run as long. */
export async function awaitSteady(clock: Clock, signal: AbortSignal): Promise<'ready'> {
  await clock.sleep(steadyMs, signal);
  return 'ready';
}
