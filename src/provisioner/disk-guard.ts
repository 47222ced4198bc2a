import type { DiskLimits } from '../config/settings.ts';
import { platformActor } from '../domain/actor.ts';
import type { ContainerFolders } from '../domain/containers.ts';
import type { Engines } from '../domain/engines.ts';
import { eventOf, instanceFacts } from '../domain/event.ts';
import type { DiskSpace, DiskUse, HandsOn } from '../domain/host-hands.ts';
import { type Labels, labelNames } from '../domain/labels.ts';
import type { Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import { type DiskVerdict, diskVerdicts, fileReserveOf, type MeasuredDisk, reserveOf } from './disk-verdicts.ts';

export interface DiskGuardDeps {
  readonly engines: Engines;
  readonly handsOn: HandsOn;
  readonly store: Store;
  readonly platformId: string;
  readonly limits: DiskLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

const megabyte = 1024 * 1024;
/** Without a fall of the free space everything is measured so often. */
const quietMs = 60_000;
/** While the disk is below the reserve. */
const lowMs = 5_000;
/** A fall by so much is looked into at once. */
const fall = { bytes: 256 * megabyte, files: 50_000 } as const;
/** Measuring takes at most this share of the time, unless the disk is nearly at the reserve. */
const restPerMeasuring = 4;
/** Growth is compared with the measurement that is at least this old. */
const growthMs = 60_000;
/** An instance that was ended gives its disk back within this time. */
const settleMs = 5_000;

/**
 * Keeps apps from filling the disk of a host: ends the instances on it that wrote more than a limit, and while the disk has
 * less than the reserve, those that grow. Most file systems have no limit for one container, and a full disk stops the store
 * and every app on the host. The answer is a look for one host, to be called several times a second: it asks for the free
 * space, which takes microseconds, and measures the instances when that fell, and every minute.
 */
export function createDiskGuard(deps: DiskGuardDeps): (hostId: string, signal: AbortSignal) => Promise<void> {
  const hosts = new Map<string, HostDiskWatch>();
  return async (hostId, signal) => {
    const watch = hosts.get(hostId) ?? new HostDiskWatch(hostId, deps);
    hosts.set(hostId, watch);
    await watch.look(signal);
  };
}

interface Measurement {
  readonly at: number;
  readonly space: DiskSpace | null;
  readonly uses: ReadonlyMap<string, DiskUse>;
  /** Measured by the host's file system and not by the engine, which takes long and sees less. */
  readonly isExact: boolean;
}

class HostDiskWatch {
  readonly #hostId: string;
  readonly #deps: DiskGuardDeps;
  /** Newest last. */
  #measurements: readonly Measurement[] = [];
  #restUntil = 0;
  #settledAt = 0;

  constructor(hostId: string, deps: DiskGuardDeps) {
    this.#hostId = hostId;
    this.#deps = deps;
  }

  async look(signal: AbortSignal): Promise<void> {
    const { handsOn, clock, limits } = this.#deps;
    const space = await this.#space();
    const now = clock.now().getTime();
    if (!isDue({ space, last: this.#measurements.at(-1), now, restUntil: this.#restUntil, limits })) return;
    const { engines, platformId } = this.#deps;
    const labels = { [labelNames.platform]: platformId, [labelNames.role]: 'instance' };
    const containers = await engines.on(this.#hostId).containers.folders(labels);
    const report = await handsOn(this.#hostId).diskUse(containers, signal);
    const uses = report.measured ? report.uses : await this.#usesByEngine(labels, signal);
    const at = clock.now().getTime();
    this.#restUntil = at + restPerMeasuring * (at - now);
    await this.#judge(containers, { at, space: await this.#space(), uses, isExact: report.measured }, signal);
  }

  async #space(): Promise<DiskSpace | null> {
    const disks = await this.#deps.handsOn(this.#hostId).disks();
    return disks.find(({ holds }) => holds === 'engine')?.space ?? null;
  }

  /** What the engine can count: neither volumes nor removed files that are open. */
  async #usesByEngine(labels: Labels, signal: AbortSignal): Promise<ReadonlyMap<string, DiskUse>> {
    const written = await this.#deps.engines.on(this.#hostId).containers.diskUsage(labels, signal);
    const rest = { unlinkedBytes: 0, files: 0, writtenBytes: 0 };
    return new Map([...written].map(([id, bytes]) => [id, { bytes, ...rest }]));
  }

  async #judge(containers: readonly ContainerFolders[], measurement: Measurement, signal: AbortSignal): Promise<void> {
    const { limits, engines } = this.#deps;
    const { at, space, uses } = measurement;
    const old = this.#measurements.findLast((each) => each.at <= at - growthMs) ?? this.#measurements[0] ?? measurement;
    const nothing = { bytes: 0, files: 0, writtenBytes: 0 };
    const disks = containers.flatMap((container): readonly MeasuredDisk[] => {
      const use = uses.get(container.id);
      if (!use) return [];
      const { id: containerId, runs, labels } = container;
      // With the first measurement nothing is known of its growth.
      const before = old === measurement ? use : (old.uses.get(containerId) ?? nothing);
      return [{ containerId, runs, appId: labels[labelNames.app] ?? '', use, before }];
    });
    this.#measurements = [
      ...this.#measurements.filter((each) => each.at > at - 2 * growthMs || each === old),
      measurement,
    ];
    const facts = {
      disks,
      limits,
      space,
      spaceBefore: old.space,
      windowMs: at - old.at,
      settling: at < this.#settledAt,
    };
    for (const verdict of diskVerdicts(facts)) {
      signal.throwIfAborted();
      await engines.on(this.#hostId).containers.kill(verdict.containerId, 'SIGKILL');
      this.#settledAt = at + settleMs;
      await this.#report(containers, verdict);
    }
  }

  async #report(containers: readonly ContainerFolders[], { containerId, reason }: DiskVerdict): Promise<void> {
    const labels = containers.find(({ id }) => id === containerId)?.labels ?? {};
    const instanceId = labels[labelNames.instance] ?? '';
    this.#deps.logger.warn('an instance is ended for its disk', { hostId: this.#hostId, instanceId, reason });
    await this.#deps.store.transaction(async (tables) => {
      const instance = await tables.instances.find(instanceId);
      // The app was destroyed meanwhile.
      if (!instance) return;
      const release = Number(labels[labelNames.release]?.replace(/^v/, '')) || null;
      const data = { ...instanceFacts(instance, release), reason };
      await tables.events.append(eventOf('instance.disk_full', platformActor, { appId: instance.appId, data }));
    });
  }
}

interface DueFacts {
  readonly space: DiskSpace | null;
  readonly last: Measurement | undefined;
  readonly now: number;
  readonly restUntil: number;
  readonly limits: DiskLimits;
}

/** Whether the instances are measured now. Pure. */
function isDue({ space, last, now, restUntil, limits }: DueFacts): boolean {
  if (!last || now - last.at >= quietMs) return true;
  if (!space || !last.space || !last.isExact) return false;
  const above = space.freeBytes - reserveOf(space, limits);
  const isLow = above < 0 || space.freeFiles < fileReserveOf(space);
  const isNear = isLow || above < reserveOf(space, limits);
  const leastBytes = isNear ? Math.min(fall.bytes, Math.max(8 * megabyte, above / 4)) : fall.bytes;
  const fell =
    last.space.freeBytes - space.freeBytes >= leastBytes || last.space.freeFiles - space.freeFiles >= fall.files;
  if (isLow && now - last.at >= lowMs) return true;
  return fell && (isNear || now >= restUntil);
}
