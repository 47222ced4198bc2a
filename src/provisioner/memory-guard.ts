import { type AboveReserve, freePercent, furthestAbove, isMemoryLow } from '../cluster/low-memory.ts';
import type { Settings } from '../config/settings.ts';
import { platformActor } from '../domain/actor.ts';
import type { Engines } from '../domain/engines.ts';
import { eventOf, instanceFacts } from '../domain/event.ts';
import { isOfFormation, oneShotTypes } from '../domain/formation.ts';
import type { HandsOn } from '../domain/host-hands.ts';
import { type Instance, processName, releaseOf } from '../domain/instance.ts';
import { sizeText } from '../domain/instance-size.ts';
import type { Store, StoreTables } from '../domain/store.ts';
import { servingReleases } from '../domain/traffic.ts';
import type { Logger } from '../system/logger.ts';
import { retire } from './placing.ts';
import { isIn, isWanted } from './plan.ts';

export interface MemoryGuardDeps {
  readonly engines: Engines;
  readonly handsOn: HandsOn;
  readonly store: Store;
  readonly settings: Pick<Settings, 'lowMemoryPercent' | 'cloudletMemoryBytes'>;
  readonly logger: Logger;
}

/**
 * While the memory of a host is low, restarts the instance that is furthest above its reserve, and tells its app why. One
 * at a time: the answer is a round for one host, to be called every few seconds. After each restart the host gets one round
 * in which its memory settles. Instances within their reserves are never chosen, and nothing is measured while memory is not low.
 */
export function createMemoryGuard(deps: MemoryGuardDeps): (hostId: string, signal: AbortSignal) => Promise<void> {
  const { engines, handsOn, store, settings, logger } = deps;
  const settling = new Set<string>();
  /** Hosts that are low with every instance within its reserve. */
  const helpless = new Set<string>();

  return async (hostId, signal) => {
    const load = await handsOn(hostId).load();
    if (!isMemoryLow(load, settings.lowMemoryPercent)) {
      helpless.delete(hostId);
      return;
    }
    const active = (await store.instances.listActive()).filter((instance) => instance.hostId === hostId);
    if (active.some(({ stopReason }) => stopReason === 'low_memory')) {
      settling.add(hostId);
      return;
    }
    if (settling.delete(hostId)) return;
    const free = freePercent(load);
    const candidates = await candidatesOf(active, store);
    const ids = candidates.map(({ containerId }) => containerId ?? '');
    const stats = await engines.on(hostId).containers.stats(ids, signal);
    const used = candidates.flatMap((instance) => {
      const own = stats.get(instance.containerId ?? '');
      return own ? [{ instance, usedBytes: own.memory.usedBytes }] : [];
    });
    const chosen = furthestAbove(used, settings.cloudletMemoryBytes);
    if (chosen) {
      await store.transaction((tables) => restart(chosen, { tables, free, settings }));
      logger.warn('the memory of a host is low: an instance is restarted', { hostId, instanceId: chosen.instance.id });
    } else if (!helpless.has(hostId)) {
      helpless.add(hostId);
      logger.warn('the memory of a host is low, and every instance is within its reserve', { hostId, free });
    }
  };
}

/** It is up for a release and was not asked to stop. */
function isCandidate(instance: Instance): boolean {
  return instance.state === 'up' && isWanted(instance) && releaseOf(instance) !== null;
}

/**
 * Those that may be restarted. The new ones of a deploy, a restart or a change of size are spared until the old ones were
 * asked to stop: without them it would fail.
 */
async function candidatesOf(active: readonly Instance[], store: Store): Promise<readonly Instance[]> {
  const wanted = active.filter(isWanted).toSorted((one, other) => one.seq - other.seq);
  const serving = new Map<string, readonly string[]>();
  for (const appId of new Set(wanted.map(({ appId }) => appId))) {
    serving.set(appId, servingReleases(await store.traffic.list(appId)));
  }
  return wanted.filter((instance) => {
    if (!isCandidate(instance)) return false;
    if (!isOfFormation(instance)) return true;
    const release = releaseOf(instance) ?? '';
    const oldest = wanted.find((one) => releaseOf(one) === release && isIn(instance, one));
    return oldest === instance && serving.get(instance.appId)?.includes(release) === true;
  });
}

async function restart(
  chosen: AboveReserve,
  {
    tables,
    free,
    settings,
  }: { readonly tables: StoreTables; readonly free: number; readonly settings: MemoryGuardDeps['settings'] },
): Promise<void> {
  const instance = await tables.instances.find(chosen.instance.id);
  // It may have ended, or its app, since it was measured.
  if (!instance || !isCandidate(instance)) return;
  const formation = await tables.formations.list(instance.appId);
  const quantity = formation.find(({ type }) => type === instance.type)?.quantity ?? 1;
  const release = await tables.releases.find(releaseOf(instance) ?? '');
  const reason = lowMemoryReason(chosen, { freePercent: free, quantity, cloudletBytes: settings.cloudletMemoryBytes });
  const data = { ...instanceFacts(instance, release?.version ?? null), reason };
  await tables.events.append(eventOf('instance.low_memory', platformActor, { appId: instance.appId, data }));
  await retire(tables, [instance], 'low_memory');
}

export interface LowMemoryFacts {
  /** The host's, when the instance was chosen. */
  readonly freePercent: number;
  /** Of its process type, for the command that it suggests. */
  readonly quantity: number;
  readonly cloudletBytes: number;
}

/** Why the instance is restarted, with its numbers and the command that reserves more. Pure. */
export function lowMemoryReason(
  { instance, usedBytes, reservedBytes, aboveBytes }: AboveReserve,
  { freePercent: free, quantity, cloudletBytes }: LowMemoryFacts,
): string {
  const isOneOff = oneShotTypes.has(instance.type);
  const reserved = Math.ceil(usedBytes / cloudletBytes);
  const size = sizeText({ reserved, limit: Math.max(reserved, instance.size.limit) });
  const command = isOneOff ? `paas run --size ${size}` : `paas ps:scale ${instance.type}=${quantity}:${size}`;
  const numbers = `${processName(instance)} used ${mb(usedBytes)}, ${mb(aboveBytes)} above its reserved ${mb(reservedBytes)}`;
  return `Host memory was low (${free} % free): ${numbers}; ${isOneOff ? 'ended' : 'restarted'}. To reserve more: ${command}`;
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`;
}
