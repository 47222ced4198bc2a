import { recover } from '../operations/recover.ts';
import { type ClosingStep, closeInOrder } from './close-in-order.ts';
import type { Doors } from './doors.ts';
import type { Ground } from './ground.ts';
import { createKeepers, followRouterLog, type Keepers } from './keepers.ts';
import { createMaking, type Making } from './making.ts';

/** The half of an orchestrator that leads. */
export interface LeadingHalf {
  /** Apps go on; the doors go on too, and let what is to be changed wait for the next leader. */
  close(): Promise<void>;
}

/** Starts what only one orchestrator may run: the keepers and the making. Throws a PlatformError when a part cannot be had. */
export async function startLeading(ground: Ground, { gitReceive, leadership, port }: Doors): Promise<LeadingHalf> {
  const { clock, logger } = ground;
  const keepers = createKeepers(ground, port);
  const making = createMaking(ground, keepers, gitReceive);

  // Upwards from what must be true first: leftovers are settled before anything is kept running, verbs are let in last.
  await making.builder.sweep();
  await keepers.guard.start();
  await keepers.routes.start();
  await keepers.supervisor.start();
  // Not waited for: a start is not to wait until what a destroyed app left is removed.
  void making.environments.start();
  await recover(making.deps);
  await keepers.provisioner.start();
  for (const rounds of making.rounds) rounds.startLater();
  const endRouterLog = followRouterLog(ground);
  leadership.take({ operations: making.operations, firewall: () => keepers.guard.reason });
  return {
    async close() {
      leadership.leave();
      await closeInOrder(closingSteps(keepers, making, endRouterLog), { clock, logger });
    },
  };
}

/** Downwards: no new work, then nobody looks after the instances, which go on. */
function closingSteps(
  { provisioner, supervisor, routes, guard, events, logs }: Keepers,
  { deps, rounds, environments }: Making,
  endRouterLog: () => Promise<void>,
): readonly ClosingStep[] {
  return [
    ['work on apps', () => deps.work.close(), 5000],
    ['rounds', () => Promise.all([...rounds, environments, guard].map((part) => part.close()))],
    ['provisioner', () => provisioner.close()],
    ['supervisor', () => supervisor.close()],
    ['routes', () => routes.close()],
    ['router log', endRouterLog],
    ['events', () => events.close()],
    ['output of instances', () => logs.close()],
  ];
}
