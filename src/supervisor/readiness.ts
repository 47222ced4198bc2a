import { connect } from 'node:net';
import type { Clock } from '../system/clock.ts';

const connectTimeoutMs = 1000;
const settleMs = 1000;
/** Each attempt is one refused connect: often at first, and never later than a twentieth of what the start has taken. */
const askAgainMs = { least: 15, most: 250, shareOfElapsed: 1 / 20 } as const;

/** Where a web instance must answer, and until when (both by the monotonic clock). */
export interface ReadinessCheck {
  readonly address: string;
  readonly port: number;
  readonly timeoutMs: number;
}

/**
 * Resolves `ready` as soon as something listens on the port in the instance's own network, `timed-out` after the boot
 * timeout.
 */
export async function awaitPort(
  check: ReadinessCheck,
  clock: Clock,
  signal: AbortSignal,
): Promise<'ready' | 'timed-out'> {
  const begin = clock.monotonicMs();
  for (;;) {
    if (await answers(check.address, check.port, signal)) return 'ready';
    const elapsedMs = clock.monotonicMs() - begin;
    if (elapsedMs > check.timeoutMs) return 'timed-out';
    const { least, most, shareOfElapsed } = askAgainMs;
    await clock.sleep(Math.min(most, Math.max(least, elapsedMs * shareOfElapsed)), signal);
  }
}

/** Process types without a port: up when they have run for a moment. */
export async function awaitSettled(clock: Clock, signal: AbortSignal): Promise<'ready'> {
  await clock.sleep(settleMs, signal);
  return 'ready';
}

function answers(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect({ host, port });
    const end = (answer: boolean) => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      resolve(answer);
    };
    const abort = () => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.setTimeout(connectTimeoutMs, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
