import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { createAuthenticator } from './api/authenticate.ts';
import { createApi } from './api/server.ts';
import { createBuilder } from './builder/build.ts';
import { ensureStacks, findStacks } from './builder/stack.ts';
import { hostCloudlets } from './cluster/capacity.ts';
import { paths, type Settings } from './config.ts';
import { mayUse } from './domain/access.ts';
import { platformActor } from './domain/actor.ts';
import { systemClock } from './domain/clock.ts';
import type { EngineInfo } from './domain/engine.ts';
import { PlatformError } from './domain/errors.ts';
import { eventOf } from './domain/event.ts';
import type { Operations } from './domain/operations.ts';
import type { Store } from './domain/store.ts';
import { Turns } from './domain/turns.ts';
import { appUrl } from './domain/urls.ts';
import { createDockerEngine } from './engine/docker-engine.ts';
import { createGitReceive } from './git-receive/git-receive.ts';
import { gitVersion } from './git-receive/git-version.ts';
import { recover } from './operations/recover.ts';
import type { DeployDependencies } from './operations/releases.ts';
import { createOperations } from './operations.ts';
import { platformId as readPlatformId } from './platform-id.ts';
import { HostGuard } from './provisioner/host-guard.ts';
import { Provisioner } from './provisioner/provisioner.ts';
import { createAppLog } from './reporting/app-log.ts';
import { createEventLog } from './reporting/event-log.ts';
import { createLogRouter } from './reporting/log-router.ts';
import { createLogger } from './reporting/logger.ts';
import { createResolverClient } from './resolver/client.ts';
import { createRoutePublisher } from './resolver/publisher.ts';
import { keepRouterLog } from './resolver/router-log.ts';
import { platformStatus } from './status.ts';
import { openStore } from './store/store.ts';
import { OneOffs } from './supervisor/one-offs.ts';
import { Supervisor } from './supervisor/supervisor.ts';
import { version } from './version.ts';

export interface Platform {
  readonly apiPort: number;
  close(): Promise<void>;
}

/**
 * Puts the orchestrator together and starts it: store, engine, the parts that keep the apps running, then the doors.
 * The only place that knows every concrete part. Throws a PlatformError when one of them cannot be had.
 */
export async function startPlatform(settings: Settings): Promise<Platform> {
  const startedAt = systemClock.now();
  const closing = new AbortController();
  const place = paths(settings.home);
  const logger = createLogger({ level: settings.logLevel, name: 'orchestrator' });
  const store = await openStore({ path: place.state, keysDir: place.keys, logger });
  const platformId = await readPlatformId(store);
  const engine = createDockerEngine({ dockerHost: settings.dockerHost, cacheDir: join(place.cache, 'engine') });
  const info = await engine.info();
  await putHost(store, info, settings);

  const appLog = createAppLog({ dir: place.logs, bytesPerApp: settings.logBytesPerApp, logger });
  const logs = createLogRouter({ engine, appLog, platformId, logger });
  const events = createEventLog({ store, appLog, logger, dir: place.logs });
  const resolver = createResolverClient(place.resolverSocket);
  const routes = createRoutePublisher({ store, client: resolver, settings, logger });
  const oneOffs = new OneOffs();
  const provisioner = new Provisioner({ store, logger });
  const supervisor = new Supervisor({
    engine,
    store,
    clock: systemClock,
    logger,
    oneOffs,
    platformId,
    settings,
    hostCpus: info.cpus,
    router: routes,
    logs,
  });
  const guard = new HostGuard({ engine, platformId });
  const builder = createBuilder({
    engine,
    store,
    settings,
    stack: async () => (await findStacks(engine, settings)) ?? ensureStacks(engine, settings),
    platformId,
    logger,
    buildpacksDir: resolve(import.meta.dirname, '../buildpacks'),
  });
  const deps: DeployDependencies = {
    store,
    builder,
    provisioner,
    routes,
    appLog,
    logger,
    turns: new Turns(),
    wordsKept: (containerId) => logs.finished(containerId),
    urlOf: (app) => appUrl(settings, app.name),
    startTimeoutMs: settings.bootTimeoutMs + settings.stopGraceMs + 60_000,
  };
  const operations: Operations = createOperations({
    deps,
    oneOffs,
    engine,
    environment: { engine, store, platformId, networkPool: settings.networkPool },
    belongings: {
      create: (appId) => gitReceive.createRepository(appId),
      async remove(appId) {
        await gitReceive.removeRepository(appId);
        await appLog.remove(appId);
        await builder.forget(appId);
      },
    },
    platformDomain: settings.domain,
    closing: closing.signal,
  });
  const authenticate = createAuthenticator({ store, clock: systemClock });
  const gitReceive = createGitReceive({ settings, store, operations, authenticate, mayPush: mayUse, logger });
  const api = createApi({
    store,
    operations,
    appLog,
    settings,
    logger,
    gitReceive,
    status: () =>
      platformStatus({
        platformId,
        version,
        startedAt,
        settings,
        store,
        engine,
        resolver: () => resolver.table(AbortSignal.timeout(2000)),
        gitVersion: async () => (await gitVersion()).version,
        firewall: () => guard.reason,
      }),
  });

  // Upwards from what must be true first: leftovers are settled before anything is kept running, doors open last.
  await builder.sweep();
  await guard.start();
  await routes.start();
  await supervisor.start();
  await recover(deps, closing.signal);
  await provisioner.start();
  await gitReceive.listenHooks();
  const routerLog = keepRouterLog({ client: resolver, appLog, signal: closing.signal }).catch((error: unknown) => {
    if (!closing.signal.aborted) logger.error('the router log ended', { error });
  });
  const { port } = await api.listen();
  routes.setApiPort(port);
  await store.events.append(eventOf('platform.started', platformActor, { appId: null, data: { version } }));
  logger.info('the platform is up', { version, port, engine: info.version, platformId });
  return {
    apiPort: port,
    async close() {
      // Downwards: no new request, then no new work, then nobody looks after the instances, which go on.
      closing.abort(new PlatformError('cancelled', 'The platform stops.'));
      await gitReceive.close();
      await api.close();
      await provisioner.close();
      await supervisor.close();
      await routes.close();
      await guard.close();
      await routerLog;
      await events.close();
      await logs.close();
      await appLog.close();
      await store.events.append(eventOf('platform.stopped', platformActor, { appId: null, data: { version } }));
      await store.close();
    },
  };
}

/** The machine that the platform runs on, with what it has to give now. */
async function putHost(store: Store, info: EngineInfo, settings: Settings): Promise<void> {
  const size = { memoryBytes: settings.cloudletMemoryBytes, cpuMhz: settings.cloudletCpuMhz };
  const [known] = await store.hosts.list();
  await store.hosts.put({
    id: known?.id ?? 'local',
    name: hostname(),
    state: 'ready',
    cloudlets: hostCloudlets(info, size),
  });
}
