import { createAuthenticator } from '../api/authenticate.ts';
import type { PlatformStatus } from '../api/contract.ts';
import { Entrance } from '../api/entrance.ts';
import { entranceLimits } from '../api/entrance-limits.ts';
import { createApi } from '../api/server.ts';
import { mayUse } from '../domain/access.ts';
import { createGitReceive } from '../git-receive/git-receive.ts';
import { gitVersion } from '../git-receive/git-version.ts';
import { version } from '../system/version.ts';
import { platformCapacity } from './capacity-report.ts';
import type { ClosingStep } from './close-in-order.ts';
import type { Ground } from './ground.ts';
import { platformStatus } from './health-report.ts';
import { Leadership } from './leadership.ts';
import { createMemoryUse } from './memory-use.ts';

export type Doors = Awaited<ReturnType<typeof openDoors>>;

/**
 * How people and git come in. Every orchestrator answers questions. Changes are made by the one that leads, and wait
 * until there is one.
 */
export async function openDoors(ground: Ground) {
  const { settings, logger, store, clock, leases, appLog, engines } = ground;
  const leadership = new Leadership();
  const { operations } = leadership;
  const entrance = new Entrance({
    authenticator: createAuthenticator({ store, clock }),
    limits: entranceLimits(settings),
    logger,
  });
  const gitReceive = createGitReceive({
    settings,
    store,
    operations,
    leases,
    identify: (request, response) => entrance.identify(request, response, 'connection'),
    mayPush: mayUse,
    logger,
  });
  const status = () => statusOf(ground, leadership);
  const api = createApi({
    entrance,
    store,
    operations,
    appLog,
    settings,
    logger,
    gitReceive,
    status,
    capacity: () => platformCapacity(ground),
    memoryUse: createMemoryUse({ engines, clock }),
  });
  await gitReceive.listenHooks();
  const { port } = await api.listen();
  return { leadership, gitReceive, api, port };
}

export function doorsClosing({ leadership, gitReceive, api }: Doors): readonly ClosingStep[] {
  return [
    ['waiting changes', async () => leadership.close()],
    ['git', () => gitReceive.close(), 3000],
    ['api', () => api.close(), 2000],
  ];
}

function statusOf(ground: Ground, leadership: Leadership): Promise<PlatformStatus> {
  return platformStatus({
    ...ground,
    version,
    resolver: () => ground.resolver.table(AbortSignal.timeout(2000)),
    resolverMemory: () => ground.resolver.memory(AbortSignal.timeout(2000)),
    gitVersion: async () => (await gitVersion()).version,
    firewall: (hostId) =>
      leadership.leader
        ? leadership.leader.firewall(hostId)
        : 'The platform is starting and has not checked its firewall rules yet.',
  });
}
