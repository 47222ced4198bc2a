import { hostname } from 'node:os';
import { join } from 'node:path';
import { hostCloudlets, promisesOf } from '../cluster/capacity.ts';
import { paths, type Settings } from '../config/settings.ts';
import type { EngineInfo } from '../domain/engine.ts';
import type { Store } from '../domain/store.ts';
import { createDockerEngine } from '../engine/docker-engine.ts';
import { bridgeProcesses, engineOnHost } from '../engine/engine-on-host.ts';
import { EngineRegistry } from '../engine/engine-registry.ts';
import { createLocalHands } from '../host/local-hands.ts';
import { createAppLog } from '../reporting/app-log.ts';
import { createLogger } from '../reporting/logger.ts';
import { createResolverClient } from '../routing/resolver-client.ts';
import { leaseTerms } from '../store/lease-terms.ts';
import { createMarkKeeper } from '../store/mark.ts';
import { platformId as readPlatformId } from '../store/platform-id.ts';
import { openHomeStore } from '../store/store.ts';
import { systemClock as clock } from '../system/clock.ts';
import { DiskReserve } from '../system/disk-reserve.ts';
import { createLocalLeases } from '../system/local-leases.ts';
import { Recurring } from '../system/recurring.ts';
import type { ClosingStep } from './close-in-order.ts';

const refillEveryMs = 30_000;
const markEveryMs = 5_000;
/** Logs of apps leave this much to the platform's own state. */
const keptFreeBytes = 16 * 1024 * 1024;

export type Ground = Awaited<ReturnType<typeof openGround>>;

/** What every orchestrator has, whether it leads or not: state, engines, logs, and the connection to the resolver. */
export async function openGround(settings: Settings) {
  const startedAt = clock.now();
  const folders = paths(settings.home);
  const logger = createLogger({ level: settings.logLevel, name: 'orchestrator' });
  const reserve = new DiskReserve({ folder: folders.reserve, bytes: settings.reserveBytes });
  reserve.makeRoomForStart([join(folders.cache, 'compiled')]);
  const makeRoom = (hasFailed: boolean) => {
    const freedBytes = hasFailed ? reserve.freePart('run') : reserve.makeRoom('run');
    if (freedBytes > 0) logger.error('the disk is full; a part of the reserve was freed', { freedBytes });
  };
  const store = await openHomeStore(settings.home, { logger, makeRoom });
  const platformId = await readPlatformId(store);
  const { home, dockerHost } = settings;
  const hands = createLocalHands({
    home,
    engine: engineOnHost(dockerHost),
    bridgeProcesses: bridgeProcesses(dockerHost),
  });
  const cacheDir = join(folders.cache, 'engine');
  const engine = createDockerEngine({
    dockerHost,
    cacheDir,
    hostRoutes: hands.routes,
    onLimits: hands.limitSockets,
  });
  const info = await engine.info();
  const engines = new EngineRegistry();
  engines.add(await putHost(store, info, settings), engine);
  const appLog = createAppLog({ dir: folders.logs, bytesPerApp: settings.logBytesPerApp, keptFreeBytes, logger });
  const leases = createLocalLeases({ nextTerm: leaseTerms(store) });
  const resolver = createResolverClient(folders.resolverSocket);
  // Builds and their images stay on the host that the platform runs on.
  const hosts = { engines, buildEngine: engine, buildHands: hands, handsOn: () => hands };
  const refilling = new Recurring({
    what: 'make the reserve on the disk of PAAS_HOME',
    everyMs: refillEveryMs,
    work: async (signal) => void (await reserve.refill(signal)),
    clock,
    logger,
  });
  // Not awaited: a first start writes the whole reserve.
  void refilling.start();
  const saveMark = createMarkKeeper(store, folders.mark);
  const marking = new Recurring({
    what: 'save how far the store has got',
    everyMs: markEveryMs,
    work: saveMark,
    clock,
    logger,
  });
  marking.startLater();
  const kept = { store, platformId, appLog, reserve, refilling, saveMark, marking };
  return { settings, folders, startedAt, clock, logger, ...kept, ...hosts, info, leases, resolver };
}

/** The ground closes last. `appendLastEvent` runs when only the store is still open. */
export function groundClosing(
  { leases, appLog, store, refilling, marking, saveMark }: Ground,
  appendLastEvent: () => Promise<unknown>,
): readonly ClosingStep[] {
  return [
    ['leases', () => leases.close()],
    ['disk reserve', () => refilling.close()],
    ['app log', () => appLog.close()],
    ['the last event', appendLastEvent],
    ['mark of the store', () => marking.close().then(saveMark)],
    ['store', () => store.close()],
  ];
}

/** Stores the machine that the platform runs on, with its capacity now. Returns its id. */
async function putHost(store: Store, info: EngineInfo, settings: Settings): Promise<string> {
  const size = { memoryBytes: settings.cloudletMemoryBytes, cpuMhz: settings.cloudletCpuMhz };
  const cloudlets = hostCloudlets(info, size);
  const [known] = await store.hosts.list();
  const group = await store.hostGroups.put({ id: known?.groupId ?? 'default', name: 'default' });
  const { id } = await store.hosts.put({
    ...{ id: 'local', role: 'apps', address: null, labels: {}, groupId: group.id },
    ...known,
    name: hostname(),
    cpus: info.cpus,
    memoryBytes: info.memoryBytes,
    cloudlets,
    ...promisesOf(cloudlets, settings),
    state: 'ready',
    seenAt: clock.now(),
  });
  return id;
}
