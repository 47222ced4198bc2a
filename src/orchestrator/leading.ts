import { PlatformError } from '../domain/errors.ts';
import type { Lease } from '../domain/leases.ts';
import { aborted } from '../system/aborted.ts';
import { type ClosingStep, closeInOrder } from './close-in-order.ts';
import type { Doors } from './doors.ts';
import type { Ground } from './ground.ts';
import { createKeepers, followRequestLog, type Keepers } from './keepers.ts';
import { createMaking, type Making } from './making.ts';

/** One orchestrator's attempts to lead, until it is closed. */
export interface Candidacy {
  /**
   * Resolves when the orchestrator leads for the first time. Rejects with a PlatformError when its first start fails.
   */
  readonly leads: Promise<void>;
  /** Stops leading. The apps and the doors go on; a change waits at a door for the next leader. */
  close(): Promise<void>;
}

const firstRetryMs = 1000;
const longestRetryMs = 30_000;

/**
 * Leads whenever the lease `leader` is free. A first start that fails ends the candidacy, and with it the process: the
 * launcher reports the reason and starts the process again. A later one is tried again after a pause, which doubles
 * with each failure from 1 s to 30 s. Meanwhile the lease is free for another orchestrator, and the doors answer
 * questions.
 */
export function startCandidacy(ground: Ground, doors: Doors): Candidacy {
  const { leases, clock, logger } = ground;
  const closing = new AbortController();
  const leads = Promise.withResolvers<void>();
  const options = { purpose: 'leading', signal: closing.signal };
  let hasLed = false;
  let failures = 0;
  const lead = async (lease: Lease) => {
    const half = await startLeadingHalf(ground, doors, lease.term);
    hasLed = true;
    failures = 0;
    leads.resolve();
    await aborted(lease.signal);
    await half.close();
  };
  const leadUntilClosed = async () => {
    while (!closing.signal.aborted) {
      try {
        await leases.hold('leader', lead, options);
      } catch (error) {
        if (closing.signal.aborted || !hasLed) throw error;
        const pauseMs = Math.min(longestRetryMs, firstRetryMs * 2 ** failures);
        failures += 1;
        logger.error('this orchestrator could not lead and will try again', { error, failures, pauseMs });
        await clock.sleep(pauseMs, closing.signal).catch(() => undefined);
      }
    }
  };
  const ended = leadUntilClosed().catch(leads.reject);
  return {
    leads: leads.promise,
    async close() {
      closing.abort(new PlatformError('cancelled', 'The platform stops.'));
      await ended;
    },
  };
}

/** Starts the keepers and the making. When a part fails, closes those that it started and throws. */
async function startLeadingHalf(
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

  // Leftovers are settled before instances are kept running. Changes are let in last.
  try {
    await making.builder.sweep();
    await keepers.guard.start();
    await keepers.routes.start();
    await keepers.supervisor.start();
    // Not awaited: removing what a destroyed app left must not delay the start.
    void making.environments.start();
    await making.repairs.recover();
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

/** First no new work begins, then nothing keeps the instances running. The instances themselves go on. */
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
