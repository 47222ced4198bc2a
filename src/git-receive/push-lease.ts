import type { Lease, Leases, LeaseWait } from '../domain/leases.ts';
import type { IncomingPush } from './incoming-push.ts';

/**
 * One push at a time per app, in the order of asking. The turn lasts until git has moved the ref or has gone, not merely
 * until the build has ended, so that the next push sees what this one left. A push that loses its turn is cancelled.
 */
export async function holdSourceLease(
  push: IncomingPush,
  { leases, ...told }: { leases: Leases; purpose: string; onWait: (wait: LeaseWait) => void },
): Promise<void> {
  const begun = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const work = async ({ signal }: Lease) => {
    signal.addEventListener('abort', () => push.cancel(signal.reason), { once: true });
    begun.resolve();
    await over.promise;
  };
  const held = leases.hold(`app/${push.app.id}/source`, work, { ...told, signal: push.signal });
  held.catch(begun.reject);
  await begun.promise;
  push.atEnd(async () => {
    over.resolve();
    await held;
  });
}
