import type { Lease, Leases, LeaseWait } from '../domain/leases.ts';
import type { IncomingPush } from './incoming-push.ts';

/**
 * Holds `app/<id>/source` for the push: one push at a time per app, in the order of asking. Resolves when the lease is
 * held. It is held until git has moved the ref or has ended, not only until the build has ended, so that the next push
 * sees the result of this one. A push that loses the lease is cancelled.
 */
export async function holdSourceLease(
  push: IncomingPush,
  { leases, ...options }: { leases: Leases; purpose: string; onWait: (wait: LeaseWait) => void },
): Promise<void> {
  const begun = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const work = async ({ signal }: Lease) => {
    signal.addEventListener('abort', () => push.cancel(signal.reason), { once: true });
    begun.resolve();
    await over.promise;
  };
  const held = leases.hold(`app/${push.app.id}/source`, work, { ...options, signal: push.signal });
  held.catch(begun.reject);
  await begun.promise;
  push.atEnd(async () => {
    over.resolve();
    await held;
  });
}
