import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { createAuthenticator } from '../api/authenticate.ts';
import type { PlatformStatus } from '../api/contract.ts';
import { createApi } from '../api/server.ts';
import { createBuilder } from '../builder/build.ts';
import { ensureStacks, findStacks } from '../builder/stack.ts';
import { hostCloudlets } from '../cluster/capacity.ts';
import { paths, type Settings } from '../config/settings.ts';
import { mayUse } from '../domain/access.ts';
import { platformActor } from '../domain/actor.ts';
import type { EngineInfo } from '../domain/engine.ts';
import { eventOf } from '../domain/event.ts';
import type { Store } from '../domain/store.ts';
import { appUrl } from '../domain/urls.ts';
import { createDockerEngine } from '../engine/docker-engine.ts';
import { createGitReceive } from '../git-receive/git-receive.ts';
import { gitVersion } from '../git-receive/git-version.ts';
import { AppWork } from '../operations/app-work.ts';
import type { AppBelongings } from '../operations/apps.ts';
import { createOperations } from '../operations/create-operations.ts';
import { recover } from '../operations/recover.ts';
import type { DeployDependencies } from '../operations/releases.ts';
import { EnvironmentKeeper } from '../provisioner/environment-keeper.ts';
import { HostGuard } from '../provisioner/host-guard.ts';
import { Provisioner } from '../provisioner/provisioner.ts';
import { createAppLog } from '../reporting/app-log.ts';
import { createEventLog } from '../reporting/event-log.ts';
import { createLogRouter } from '../reporting/log-router.ts';
import { createLogger } from '../reporting/logger.ts';
import { createRoutePublisher } from '../routing/publisher.ts';
import { createResolverClient } from '../routing/resolver-client.ts';
import { keepRouterLog } from '../routing/router-log.ts';
import { platformId as readPlatformId } from '../store/platform-id.ts';
import { openStore } from '../store/store.ts';
import { OneOffs } from '../supervisor/one-offs.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { systemClock as clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import { version } from '../system/version.ts';
import { type ClosingStep, closeInOrder } from './close-in-order.ts';
import { platformStatus } from './health-report.ts';
import { createRounds } from './rounds.ts';

/*
 * The orchestrator put together, and the only place that knows every concrete part: the ground that everything stands
 * on, the parts that keep the apps running, the verbs over them, and the doors.
 */

export interface Platform {
  readonly apiPort: number;
  /** Apps go on. Ends within ten seconds, whatever holds a part up. */
  close(): Promise<void>;
}

/** Throws a PlatformError when a part cannot be had. */
export async function startPlatform(settings: Settings): Promise<Platform> {
  const ground = await openGround(settings);
  const keepers = createKeepers(ground);
  const making = createMaking(ground, keepers);
  const doors = createDoors(ground, keepers, making);
  const { store, logger, info, platformId } = ground;

  // Upwards from what must be true first: leftovers are settled before anything is kept running, doors open last.
  await making.builder.sweep();
  await keepers.guard.start();
  await keepers.routes.start();
  await keepers.supervisor.start();
  // Not waited for: a start is not to wait until what a destroyed app left is removed.
  void doors.environments.start();
  await recover(making.deps);
  await keepers.provisioner.start();
  for (const rounds of making.rounds) rounds.startLater();
  await doors.gitReceive.listenHooks();
  const routerLog = followRouterLog(keepers, logger);
  const { port } = await doors.api.listen();
  keepers.routes.setApiPort(port);
  await store.events.append(eventOf('platform.started', platformActor, { appId: null, data: { version } }));
  logger.info('the platform is up', { version, port, engine: info.version, platformId });
  const steps = () => closingSteps(ground, { ...keepers, ...making, ...doors, routerLog });
  return { apiPort: port, close: () => closeInOrder(steps(), { clock, logger }) };
}

type Ground = Awaited<ReturnType<typeof openGround>>;
type Keepers = ReturnType<typeof createKeepers>;
type Making = ReturnType<typeof createMaking>;
type Doors = ReturnType<typeof createDoors>;

/** State, engine and log. */
async function openGround(settings: Settings) {
  const startedAt = clock.now();
  const place = paths(settings.home);
  const logger = createLogger({ level: settings.logLevel, name: 'orchestrator' });
  const store = await openStore({ path: place.state, keysDir: place.keys, logger });
  const platformId = await readPlatformId(store);
  const engine = createDockerEngine({ dockerHost: settings.dockerHost, cacheDir: join(place.cache, 'engine') });
  const info = await engine.info();
  await putHost(store, info, settings);
  return { settings, place, startedAt, logger, store, platformId, engine, info };
}

/** What keeps the apps running, routed and heard. */
function createKeepers({ settings, place, logger, store, platformId, engine, info }: Ground) {
  const appLog = createAppLog({ dir: place.logs, bytesPerApp: settings.logBytesPerApp, logger });
  const logs = createLogRouter({ engine, appLog, platformId, logger });
  const events = createEventLog({ store, appLog, logger, dir: place.logs });
  const resolver = createResolverClient(place.resolverSocket);
  const routes = createRoutePublisher({ store, client: resolver, settings, logger });
  const oneOffs = new OneOffs();
  const provisioner = new Provisioner({ store, clock, logger });
  const supervisor = new Supervisor({
    engine,
    store,
    clock,
    logger,
    oneOffs,
    platformId,
    settings,
    hostCpus: info.cpus,
    router: routes,
    logs,
  });
  const guard = new HostGuard({ engine, platformId, settings, clock, logger });
  return { appLog, logs, events, resolver, routes, oneOffs, provisioner, supervisor, guard };
}

/** What makes releases, and what sees to it that nothing half made or long over is left. */
function createMaking(
  { settings, place, logger, store, platformId, engine }: Ground,
  { appLog, logs, routes }: Keepers,
) {
  const builder = createBuilder({
    engine,
    store,
    settings,
    stack: async () => (await findStacks(engine, settings)) ?? ensureStacks(engine, settings),
    platformId,
    logger,
    buildpacksDir: resolve(import.meta.dirname, '../../buildpacks'),
  });
  const deps: DeployDependencies = {
    store,
    builder,
    environment: { engine, store, platformId, networkPool: settings.networkPool },
    routes,
    appLog,
    logger,
    work: new AppWork(),
    wordsKept: (containerId) => logs.finished(containerId),
    urlOf: (app) => appUrl(settings, app.name),
    startTimeoutMs: settings.bootTimeoutMs + settings.stopGraceMs + 60_000,
  };
  const rounds = createRounds({ deps, builder, engineLog: place.engineLog, clock });
  return { builder, deps, rounds };
}

/** How people and git come in, the verbs that they may use, and what apps have outside the store and the engine. */
function createDoors(ground: Ground, keepers: Keepers, { builder, deps }: Making) {
  const { settings, logger, store, engine } = ground;
  const { appLog, oneOffs } = keepers;
  const belongings: AppBelongings = {
    create: (appId) => gitReceive.createRepository(appId),
    async remove(appId) {
      await gitReceive.removeRepository(appId);
      await appLog.remove(appId);
      await builder.forget(appId);
    },
  };
  const operations = createOperations({ deps, oneOffs, engine, belongings, platformDomain: settings.domain });
  const authenticate = createAuthenticator({ store, clock });
  const gitReceive = createGitReceive({ settings, store, operations, authenticate, mayPush: mayUse, logger });
  const status = () => statusOf(ground, keepers);
  const api = createApi({ store, operations, appLog, settings, logger, gitReceive, status });
  const forget = (appId: string) => belongings.remove(appId);
  const environments = new EnvironmentKeeper({ environment: deps.environment, forget, clock, logger });
  return { gitReceive, api, environments };
}

function statusOf(ground: Ground, { resolver, guard }: Keepers): Promise<PlatformStatus> {
  return platformStatus({
    ...ground,
    version,
    resolver: () => resolver.table(AbortSignal.timeout(2000)),
    gitVersion: async () => (await gitVersion()).version,
    firewall: () => guard.reason,
  });
}

/** Gives what ends it. */
function followRouterLog({ resolver, appLog }: Keepers, logger: Logger): () => Promise<void> {
  const closing = new AbortController();
  const following = keepRouterLog({ client: resolver, appLog, signal: closing.signal }).catch((error: unknown) => {
    if (!closing.signal.aborted) logger.error('the router log ended', { error });
  });
  return () => {
    closing.abort();
    return following;
  };
}

/** Downwards: no new request, then no new work, then nobody looks after the instances, which go on. */
function closingSteps(
  { store }: Ground,
  parts: Keepers & Making & Doors & { readonly routerLog: () => Promise<void> },
): readonly ClosingStep[] {
  const { deps, gitReceive, api, rounds, environments, provisioner, supervisor } = parts;
  const { routes, guard, routerLog, events, logs, appLog } = parts;
  // Told at once, so that whoever waits for it at a door gets an answer.
  const workEnded = deps.work.close();
  return [
    ['git', () => gitReceive.close(), 3000],
    ['api', () => api.close(), 2000],
    ['work on apps', () => workEnded],
    ['rounds', () => Promise.all([...rounds, environments, guard].map((part) => part.close()))],
    ['provisioner', () => provisioner.close()],
    ['supervisor', () => supervisor.close()],
    ['routes', () => routes.close()],
    ['router log', routerLog],
    ['events', () => events.close()],
    ['output of instances', () => logs.close()],
    ['app log', () => appLog.close()],
    ['the last event', () => store.events.append(eventOf('platform.stopped', platformActor, stopped))],
    ['store', () => store.close()],
  ];
}

const stopped = { appId: null, data: { version } } as const;

/** The machine that the platform runs on, with what it has to give now. */
async function putHost(store: Store, info: EngineInfo, settings: Settings): Promise<void> {
  const size = { memoryBytes: settings.cloudletMemoryBytes, cpuMhz: settings.cloudletCpuMhz };
  const [known] = await store.hosts.list();
  const group = await store.hostGroups.put({ id: known?.groupId ?? 'default', name: 'default' });
  await store.hosts.put({
    ...{ id: 'local', role: 'apps', address: null, labels: {}, groupId: group.id },
    ...known,
    name: hostname(),
    cpus: info.cpus,
    memoryBytes: info.memoryBytes,
    cloudlets: hostCloudlets(info, size),
    state: 'ready',
    seenAt: clock.now(),
  });
}
