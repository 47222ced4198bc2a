import { PlatformError } from '../domain/errors.ts';
import type { Lease } from '../domain/leases.ts';
import { recover } from '../operations/recover.ts';
import { aborted } from '../system/aborted.ts';
import { type ClosingStep, closeInOrder } from './close-in-order.ts';
import type { Doors } from './doors.ts';
import type { Ground } from './ground.ts';
import { createKeepers, followRequestLog, type Keepers } from './keepers.ts';
import { createMaking, type Making } from './making.ts';

/** An orchestrator's will to lead. */
export interface Candidacy {
  /** Resolves when it leads for the first time. Rejects with a PlatformError when a part cannot be had. */
  readonly leads: Promise<void>;
  /** Ends it. Apps go on; the doors go on too, and let what is to be changed wait for the next leader. */
  close(): Promise<void>;
}

/** Leads whenever the lease `leader` is to be had, until it is closed. */
export function stand(ground: Ground, doors: Doors): Candidacy {
  const closing = new AbortController();
  const leads = Promise.withResolvers<void>();
  const options = { purpose: 'leading', signal: closing.signal };
  const standing = (async () => {
    while (!closing.signal.aborted)
      await ground.leases.hold('leader', (lease) => lead(ground, doors, { lease, leads }), options);
  })();
  standing.catch((error: unknown) => {
    if (!closing.signal.aborted) ground.logger.error('this orchestrator cannot lead', { error });
    leads.reject(error);
  });
  return {
    leads: leads.promise,
    async close() {
      closing.abort(new PlatformError('cancelled', 'The platform stops.'));
      await standing.catch(() => undefined);
    },
  };
}

/** Runs the leading half as long as the lease is held. */
async function lead(
  ground: Ground,
  doors: Doors,
  { lease, leads }: { readonly lease: Lease; readonly leads: PromiseWithResolvers<void> },
): Promise<void> {
  const half = await startHalf(ground, doors, lease.term);
  leads.resolve();
  await aborted(lease.signal);
  await half.close();
}

/** Starts what only one orchestrator may run: the keepers and the making. */
async function startHalf(
  ground: Ground,
  { gitReceive, leadership, port }: Doors,
  term: number,
): Promise<{ close(): Promise<void> }> {
  const { clock, logger } = ground;
  const keepers = createKeepers(ground, { apiPort: port, term });
  const making = createMaking(ground, keepers, gitReceive);

  let endRequestLog: () => Promise<void> = async () => undefined;
  const close = () =>
    closeInOrder(
      closingSteps(keepers, making, () => endRequestLog()),
      { clock, logger },
    );

  // Upwards from what must be true first: leftovers are settled before anything is kept running, verbs are let in last.
  try {
    await making.builder.sweep();
    await keepers.guard.start();
    await keepers.routes.start();
    await keepers.supervisor.start();
    // Not waited for: a start is not to wait until what a destroyed app left is removed.
    void making.environments.start();
    await recover(making.deps);
    await keepers.provisioner.start();
    await making.resume();
    for (const rounds of making.rounds) rounds.startLater();
    endRequestLog = followRequestLog(ground);
  } catch (error) {
    await close();
    throw error;
  }
  leadership.take({ operations: making.operations, firewall: (hostId) => keepers.guard.reason(hostId) });
  return {
    async close() {
      leadership.leave();
      await close();
    },
  };
}

/** Downwards: no new work, then nobody looks after the instances, which go on. */
function closingSteps(
  { provisioner, supervisor, routes, guard, events, logs }: Keepers,
  { builder, deps, rounds, environments }: Making,
  endRequestLog: () => Promise<void>,
): readonly ClosingStep[] {
  return [
    ['queue of builds', async () => builder.close()],
    ['work on apps', () => deps.work.close(), 5000],
    ['rounds', () => Promise.all([...rounds, environments, guard].map((part) => part.close()))],
    ['provisioner', () => provisioner.close()],
    ['supervisor', () => supervisor.close()],
    ['routes', () => routes.close()],
    ['request log', endRequestLog],
    ['events', () => events.close()],
    ['output of instances', () => logs.close()],
  ];
}
