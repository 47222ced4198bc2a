import type { Settings } from '../config/settings.ts';
import { platformActor } from '../domain/actor.ts';
import { eventOf } from '../domain/event.ts';
import { version } from '../system/version.ts';
import { closeInOrder } from './close-in-order.ts';
import { doorsClosing, openDoors } from './doors.ts';
import { groundClosing, openGround } from './ground.ts';
import { stand } from './leading.ts';

/*
 * The orchestrator put together. This folder is the only place that knows every concrete part, in two halves: the ground
 * and the doors, which any orchestrator has, and the keepers and the making, which only the one that leads has.
 */

export interface Platform {
  readonly apiPort: number;
  /** Apps go on. Ends within ten seconds, whatever holds a part up. */
  close(): Promise<void>;
}

/** Throws a PlatformError when a part cannot be had. */
export async function startPlatform(settings: Settings): Promise<Platform> {
  const ground = await openGround(settings);
  const doors = await openDoors(ground);
  const candidacy = stand(ground, doors);
  await candidacy.leads;
  const { store, clock, logger, info, platformId } = ground;
  const tell = (kind: 'platform.started' | 'platform.stopped') =>
    store.events.append(eventOf(kind, platformActor, { appId: null, data: { version } }));
  await tell('platform.started');
  logger.info('the platform is up', { version, port: doors.port, engine: info.version, platformId });
  return {
    apiPort: doors.port,
    async close() {
      // The work ends at once, so that whoever waits for it at a door gets an answer.
      const led = candidacy.close();
      const closing = [...doorsClosing(doors), ['leading', () => led, 5000] as const];
      await closeInOrder([...closing, ...groundClosing(ground, () => tell('platform.stopped'))], { clock, logger });
    },
  };
}
