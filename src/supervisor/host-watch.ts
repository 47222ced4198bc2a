import { type ContainerState, countsAsRunning } from '../domain/containers.ts';
import type { Engine, EngineEvent } from '../domain/engine.ts';
import { isFinal } from '../domain/instance.ts';
import { labelNames } from '../domain/labels.ts';
import type { Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import { Recurring } from '../system/recurring.ts';
import type { InstanceLife } from './life.ts';
import type { InstanceLogs } from './life-deps.ts';
import { allInstances } from './start.ts';

const sweepEveryMs = 30_000;
/** The wait before the connection to an engine is tried again. It doubles with each failure. */
const listenAgainMs = { first: 100, last: 2000 } as const;

export interface HostWatchDeps {
  readonly hostId: string;
  readonly engine: Engine;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly platformId: string;
  readonly logs: InstanceLogs;
  /** The lives on every host, by instance id. */
  readonly lives: ReadonlyMap<string, InstanceLife>;
}

/**
 * Notifies the lives on one host of the ends of their containers. Follows the engine's events. Because events may be missed,
 * it also compares all containers with all instances whenever it connects and every 30 s.
 */
export class HostWatch {
  readonly #deps: HostWatchDeps;
  readonly #running = new Set<Promise<void>>();
  /** Ids of containers that are being removed. */
  readonly #removing = new Set<string>();
  readonly #closing = new AbortController();
  readonly #sweeps: Recurring;

  constructor(deps: HostWatchDeps) {
    this.#deps = deps;
    const { clock, logger, hostId } = deps;
    const work = () => this.#sweep();
    const what = `sweep over the containers of host ${hostId}`;
    this.#sweeps = new Recurring({ what, everyMs: sweepEveryMs, work, clock, logger });
  }

  start(): void {
    this.#inBackground(this.#listen(), 'listen to the engine');
    this.#sweeps.startLater();
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the platform stops'));
    await Promise.all([this.#sweeps.close(), ...this.#running]);
  }

  async #listen(): Promise<void> {
    const { clock, logger, hostId } = this.#deps;
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#listenOnce(() => {
          if (failures > 0) logger.info('the engine is back', { hostId });
          failures = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (failures === 0)
          logger.warn('the connection to the events of the engine broke; trying again', { error, hostId });
        failures += 1;
      }
      const ms = Math.min(listenAgainMs.last, listenAgainMs.first * 2 ** failures);
      await clock.sleep(ms, signal).catch(() => undefined);
    }
  }

  /** Throws when the engine is away or the connection breaks. */
  async #listenOnce(onContact: () => void): Promise<void> {
    const { engine, platformId } = this.#deps;
    const { signal } = this.#closing;
    const listening = new AbortController();
    const close = () => listening.abort();
    signal.addEventListener('abort', close, { once: true });
    try {
      const events = engine.events(allInstances(platformId), listening.signal);
      // Finds the containers that ended while there was no connection.
      await this.#sweep();
      onContact();
      for await (const event of events) this.#notify(event);
    } finally {
      signal.removeEventListener('abort', close);
      listening.abort();
    }
  }

  #notify({ kind, labels, containerId }: EngineEvent): void {
    if (kind === 'disconnect') {
      this.#disconnected(containerId);
      return;
    }
    const life = this.#deps.lives.get(labels[labelNames.instance] ?? '');
    if (!life) return;
    if (kind === 'die' || kind === 'destroy') life.ended();
    if (kind === 'oom') this.#inBackground(life.ranOutOfMemory(), 'report a process that was killed for its memory');
  }

  /** Of its own accord a container leaves its network only when it ends. */
  #disconnected(containerId: string): void {
    for (const life of this.#deps.lives.values())
      if (life.instance.containerId === containerId && life.instance.state !== 'draining') life.lookAgain();
  }

  /** Removes containers of this platform without an active instance, and wakes lives whose container has changed. */
  async #sweep(): Promise<void> {
    const { engine, platformId, lives, hostId } = this.#deps;
    const containers = await engine.containers.list(allInstances(platformId));
    if (this.#closing.signal.aborted) return;
    const byId = new Map(containers.map((container) => [container.id, container]));
    for (const life of lives.values()) if (life.instance.hostId === hostId) compare(life, byId);
    for (const container of containers) {
      // Not awaited, so that removals do not delay the events of running instances.
      if (!this.#removing.has(container.id))
        this.#inBackground(this.#removeStray(container), 'remove a container without an instance');
    }
  }

  async #removeStray(container: ContainerState): Promise<void> {
    const { store, engine, logs, lives, hostId } = this.#deps;
    const id = container.labels[labelNames.instance] ?? '';
    const instance = await store.instances.find(id);
    const isStray = !instance || (instance.containerId !== null && instance.containerId !== container.id);
    const isOver = instance !== null && isFinal(instance.state) && !lives.has(id);
    if ((!isStray && !isOver) || this.#closing.signal.aborted) return;
    this.#removing.add(container.id);
    try {
      if (instance && isOver) await logs.finished({ hostId, containerId: container.id });
      await engine.containers.remove(container.id);
    } finally {
      this.#removing.delete(container.id);
    }
  }

  #inBackground(work: Promise<void>, what: string): void {
    const { logger, hostId } = this.#deps;
    const finished = work
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) logger.error(`could not ${what}`, { error, hostId });
      })
      .finally(() => this.#running.delete(finished));
    this.#running.add(finished);
  }
}

/** Wakes the life when the engine's state of its container differs from the instance's row. */
function compare(life: InstanceLife, containers: ReadonlyMap<string, ContainerState>): void {
  const { containerId, address, state } = life.instance;
  if (containerId === null || state === 'placed' || isFinal(state)) return;
  const container = containers.get(containerId);
  if (!container || !countsAsRunning(container)) life.ended();
  else if (container.address !== address && address !== null) life.lookAgain();
}
