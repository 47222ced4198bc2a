import type { Settings } from '../config/settings.ts';
import { platformActor } from '../domain/actor.ts';
import { eventOf } from '../domain/event.ts';
import { version } from '../system/version.ts';
import { closeInOrder } from './close-in-order.ts';
import { doorsClosing, openDoors } from './doors.ts';
import { groundClosing, openGround } from './ground.ts';
import { startCandidacy } from './leading.ts';

/*
 * Puts the orchestrator together. Only this folder knows every concrete part. They are two halves: the ground and the
 * doors, which every orchestrator has, and the keepers and the making, which only the one that leads has.
 */

export interface Platform {
  readonly apiPort: number;
  /** Resolves within ten seconds, even when a part hangs. The apps go on. */
  close(): Promise<void>;
}

/** Resolves when the platform leads. Throws a PlatformError when a part does not start. */
export async function startPlatform(settings: Settings): Promise<Platform> {
  const ground = await openGround(settings);
  const doors = await openDoors(ground);
  const candidacy = startCandidacy(ground, doors);
  await candidacy.leads;
  const { store, clock, logger, info, platformId } = ground;
  const append = (kind: 'platform.started' | 'platform.stopped') =>
    store.events.append(eventOf(kind, platformActor, { appId: null, data: { version } }));
  // Book-keeping: a disk that takes no row must not keep the platform from running.
  await append('platform.started').catch((error: unknown) => logger.error('the start is not recorded', { error }));
  logger.info('the platform is up', { version, port: doors.port, engine: info.version, platformId });
  return {
    apiPort: doors.port,
    async close() {
      // Leading ends first, so that the requests which wait for its work are answered before the doors close.
      const led = candidacy.close();
      const closing = [...doorsClosing(doors), ['leading', () => led, 5000] as const];
      await closeInOrder([...closing, ...groundClosing(ground, () => append('platform.stopped'))], { clock, logger });
    },
  };
}
