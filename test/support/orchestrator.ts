import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paths, readSettings } from '../../src/config/settings.ts';
import { closeInOrder } from '../../src/orchestrator/close-in-order.ts';
import { doorsClosing, openDoors } from '../../src/orchestrator/doors.ts';
import { groundClosing, openGround } from '../../src/orchestrator/ground.ts';
import { startCandidacy } from '../../src/orchestrator/leading.ts';
import { startResolver } from '../../src/resolver/resolver.ts';
import { systemClock as clock } from '../../src/system/clock.ts';
import { silentLogger as logger } from '../../src/system/logger.ts';
import { ask, newPerson } from './api.ts';
import { claim } from './claims.ts';
import { testDockerHost } from './engine-fixture.ts';
import { removeAllOf } from './leftovers.ts';

/** An orchestrator in this process, with a resolver. Its doors are open; it leads once a test calls `lead`. */
export async function openOrchestrator({ dockerHost = testDockerHost() }: { readonly dockerHost?: string } = {}) {
  const home = await mkdtemp(join(tmpdir(), 'paas-lead-'));
  // git runs as a user of its own below it.
  await chmod(home, 0o711);
  const { add, release } = await claim({ folder: home, dockerHost: testDockerHost() });
  const { run, resolverSocket, routeSnapshot } = paths(home);
  await mkdir(run);
  const resolver = await startResolver({
    bind: '127.0.0.1',
    httpPort: 0,
    controlSocket: resolverSocket,
    snapshotPath: routeSnapshot,
  });
  const docker = { PAAS_DOCKER_HOST: dockerHost };
  const settings = readSettings({ PAAS_HOME: home, PAAS_API_PORT: '0', PAAS_LOG_LEVEL: 'error', ...docker });
  const ground = await openGround(settings);
  add({ platformId: ground.platformId });
  const doors = await openDoors(ground);
  const { token, actor } = await newPerson(ground.store, 'ada@example.com');
  return {
    ground,
    doors,
    token,
    actor,
    ask: (method: string, path: string, body?: unknown) =>
      ask(`http://127.0.0.1:${doors.port}${path}`, method, { token, body }),
    async lead() {
      const candidacy = startCandidacy(ground, doors);
      await candidacy.leads;
      return candidacy;
    },
    async [Symbol.asyncDispose]() {
      const steps = [...doorsClosing(doors), ...groundClosing(ground, async () => undefined)];
      await closeInOrder(steps, { clock, logger });
      await resolver.close();
      await removeAllOf(ground.platformId, testDockerHost());
      await rm(home, { recursive: true, force: true });
      release();
    },
  };
}
