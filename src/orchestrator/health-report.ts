import type { PlatformStatus } from '../api/contract.ts';
import { findStacks } from '../builder/stack.ts';
import { hostLoads } from '../cluster/capacity.ts';
import type { HostLoad as Promises } from '../cluster/filters.ts';
import type { Settings } from '../config/settings.ts';
import type { Engine, EngineInfo } from '../domain/engine.ts';
import type { Engines } from '../domain/engines.ts';
import { publicMessage } from '../domain/errors.ts';
import type { HandsOn, HostDisk, HostHands, HostLoad } from '../domain/host-hands.ts';
import type { ResolverMemory } from '../domain/resolver-protocol.ts';
import type { Store } from '../domain/store.ts';
import type { DiskReserve } from '../system/disk-reserve.ts';
import { appLimitChecks } from './app-limit-checks.ts';
import { type BuildCheckHands, buildChecks } from './build-checks.ts';
import { capacityCheck } from './capacity-check.ts';
import { capacityOf } from './capacity-report.ts';
import { inTime } from './in-time.ts';
import { kernelCheck } from './kernel-check.ts';
import { backupCheck } from './nightly-backup.ts';
import { reserveCheck } from './reserve-check.ts';
import { resolverChecks } from './resolver-checks.ts';

type Part = PlatformStatus['parts'][number];
type Check = PlatformStatus['checks'][number];

export interface StatusDeps {
  readonly platformId: string;
  readonly version: string;
  readonly startedAt: Date;
  readonly settings: Settings;
  readonly store: Store;
  readonly engines: Engines;
  readonly handsOn: HandsOn;
  /** Where builds run. */
  readonly buildEngine: Engine;
  readonly buildHands: BuildCheckHands;
  /** Asks the resolver for the version of its route table. Throws when it does not answer. */
  readonly resolver: () => Promise<{ readonly version: number }>;
  readonly reserve: Pick<DiskReserve, 'heldBytes' | 'isDiskLow'>;
  readonly resolverMemory: () => Promise<ResolverMemory>;
  readonly gitVersion: () => Promise<string>;
  /** Why containers could reach that host's ports; null when they cannot. */
  readonly firewall: (hostId: string) => string | null;
}

const lowDisk = { warnBelow: 0.2, failBelow: 0.1 } as const;

/** Beyond these, apps answer late: processes waiting for each CPU over five minutes, the share of memory that is free. */
const busyHost = { loadPerCpu: 4, freeMemory: 0.05 } as const;

const moreDisk = 'Free some space, or move PAAS_HOME and the engine to a larger disk.';

/** The platform's parts, whether each answers, and what its operator should repair. Never throws. */
export async function platformStatus(deps: StatusDeps): Promise<PlatformStatus> {
  const { settings, store, buildEngine } = deps;
  const [hosts, active] = await Promise.all([store.hosts.list(), store.instances.listActive()]).catch(() => [[], []]);
  const loads = hostLoads(hosts, active);
  const [build, capacity, reports] = await Promise.all([
    infoOf(buildEngine),
    capacityOf(loads, deps),
    Promise.all(deps.engines.known().map((hostId) => reportOf(hostId, loads, deps))),
  ]);
  const [parts, resolver, builds] = await Promise.all([
    partsOf(deps, reports, build),
    resolverChecks(deps.resolverMemory),
    build instanceof Error
      ? []
      : buildChecks(deps.buildHands, { platformId: deps.platformId, closeMetadata: settings.closeMetadata }),
  ]);
  return {
    platform_id: deps.platformId,
    version: deps.version,
    domain: settings.domain,
    started_at: deps.startedAt.toISOString(),
    parts,
    capacity,
    checks: [
      ...parts.map((each) => partCheck(each, build)),
      ...resolver,
      ...reports.flatMap(({ checks }) => checks),
      ...builds,
      reserveCheck(deps.reserve, settings),
      backupCheck(settings, { startedAt: deps.startedAt, now: new Date() }),
    ],
  };
}

interface HostReport {
  readonly part: Part;
  readonly checks: readonly Check[];
}

/** One host that hangs does not hide what the others report. */
async function reportOf(hostId: string, loads: readonly Promises[], deps: StatusDeps): Promise<HostReport> {
  const { engines, firewall } = deps;
  // With one host its name would add nothing.
  const promises = loads.find(({ host }) => host.id === hostId);
  const name = promises?.host.name ?? hostId;
  const named = (what: string) => (engines.known().length > 1 ? `${what} (${name})` : what);
  const info = await infoOf(engines.on(hostId));
  const engine = await part(named('engine'), async () => {
    if (info instanceof Error) throw info;
    return info.version;
  });
  const hands = deps.handsOn(hostId);
  const [{ load, checks: hostChecks }, limits] = await Promise.all([
    measured(hands),
    appLimitChecks(hands, deps.settings),
  ]);
  const checks = [
    ...hostChecks,
    ...(promises ? [capacityCheck(promises, load, deps.settings)] : []),
    ...(info instanceof Error ? [] : [liveRestoreCheck(info)]),
    firewallCheck(firewall(hostId)),
    ...limits,
  ];
  return { part: engine, checks: checks.map((check) => ({ ...check, name: named(check.name) })) };
}

function infoOf(engine: Engine): Promise<EngineInfo | Error> {
  return inTime(engine.info(), 'the engine').catch((error: unknown) => error as Error);
}

async function partsOf(
  { settings, store, buildEngine, resolver, gitVersion, version }: StatusDeps,
  hosts: readonly HostReport[],
  build: EngineInfo | Error,
): Promise<Part[]> {
  const stacks =
    build instanceof Error ? null : await inTime(findStacks(buildEngine, settings), 'the engine').catch(() => null);
  return Promise.all([
    part('orchestrator', async () => version),
    part('node', async () => process.versions.node),
    part('store', async () => {
      await store.settings.get('platform.id');
      return `SQLite ${process.versions.sqlite ?? ''}`.trim();
    }),
    ...hosts.map((host) => host.part),
    part('resolver', async () => {
      await resolver();
      return version;
    }),
    part('git', gitVersion),
    part('stacks', async () => {
      if (build instanceof Error) throw new Error('unknown while the engine does not answer');
      if (!stacks) throw new Error(`the stack images of ${settings.stackSuite} are missing`);
      return stacks.name;
    }),
  ]);
}

async function part(name: string, version: () => Promise<string>): Promise<Part> {
  try {
    return { name, state: 'up', version: await inTime(version(), name), detail: null };
  } catch (error) {
    return {
      name,
      state: 'down',
      version: null,
      detail: error instanceof Error ? error.message : publicMessage(error),
    };
  }
}

function partCheck({ name, state, version, detail }: Part, engine: EngineInfo | Error): Check {
  if (state === 'up') return { name, state: 'ok', message: version ?? 'up', fix: null };
  const isEngines = name === 'stacks' && engine instanceof Error;
  const fix = isEngines ? fixes.engine : fixes[name.replace(/ \(.*$/, '')];
  return { name, state: 'failed', message: detail ?? 'does not answer', fix: fix ?? 'See the platform log.' };
}

const fixes: Readonly<Record<string, string>> = {
  engine: 'Start the container engine (systemctl start docker), or set PAAS_DOCKER_HOST.',
  resolver: 'The launcher brings it back; if it does not, start the platform again: npm start',
  git: 'Install git: apt-get install git',
  stacks: 'Make them: paas stack:rebuild',
};

async function measured(
  hands: HostHands,
): Promise<{ readonly load: HostLoad | null; readonly checks: readonly Check[] }> {
  try {
    const [disks, load, low] = await inTime(
      Promise.all([hands.disks(), hands.load(), hands.lowKernelLimits()]),
      'the host',
    );
    return { load, checks: [...disks.map(diskCheck), loadCheck(load), kernelCheck(low)] };
  } catch (error) {
    return { load: null, checks: [{ name: 'host', state: 'warning', message: publicMessage(error), fix: null }] };
  }
}

const diskNames = { home: 'disk of PAAS_HOME', engine: 'disk of the engine' } as const;

function diskCheck({ holds, path, space }: HostDisk): Check {
  const name = diskNames[holds];
  if (!space) return { name, state: 'warning', message: `${path} cannot be read from here`, fix: null };
  const { freeBytes, totalBytes } = space;
  const free = totalBytes === 0 ? 1 : freeBytes / totalBytes;
  const message = `${Math.round(freeBytes / 2 ** 30)} GiB free (${Math.round(free * 100)} %) at ${path}`;
  if (free >= lowDisk.warnBelow) return { name, state: 'ok', message, fix: null };
  return { name, state: free < lowDisk.failBelow ? 'failed' : 'warning', message, fix: moreDisk };
}

function loadCheck({ averages, cpus, freeMemoryBytes, memoryBytes }: HostLoad): Check {
  const name = 'host load';
  const [, fiveMinutes] = averages;
  const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
  const message = `${fiveMinutes.toFixed(1)} on ${cpus} CPU${cpus === 1 ? '' : 's'}; ${gib(freeMemoryBytes)} of ${gib(memoryBytes)} GiB of memory free`;
  const isBusy = fiveMinutes > cpus * busyHost.loadPerCpu || freeMemoryBytes < memoryBytes * busyHost.freeMemory;
  if (!isBusy) return { name, state: 'ok', message, fix: null };
  return { name, state: 'warning', message, fix: 'Scale apps down, or take a larger host. See what is busy with: top' };
}

function liveRestoreCheck({ liveRestore }: EngineInfo): Check {
  const name = 'live restore';
  if (liveRestore) return { name, state: 'ok', message: 'apps go on while the engine restarts', fix: null };
  return {
    name,
    state: 'warning',
    message: 'apps stop whenever the engine restarts',
    fix: 'Set "live-restore": true in /etc/docker/daemon.json and reload the engine.',
  };
}

function firewallCheck(reason: string | null): Check {
  if (reason === null)
    return { name: 'host firewall', state: 'ok', message: 'containers cannot reach the host', fix: null };
  return {
    name: 'host firewall',
    state: 'warning',
    message: reason,
    fix: 'Run the platform as root with iptables installed.',
  };
}
