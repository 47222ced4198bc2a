import { type ContainerState, countsAsRunning, type Engine, type EngineEvent, labelNames } from '../domain/engine.ts';
import { isFinal } from '../domain/instance.ts';
import type { Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import { Recurring } from '../system/recurring.ts';
import type { InstanceLife } from './life.ts';
import type { InstanceLogs } from './life-deps.ts';
import { allInstances } from './start.ts';

const sweepEveryMs = 30_000;
/** An engine that went away is listened to again this soon, and then less and less often. */
const listenAgainMs = { first: 100, last: 2000 } as const;

export interface HostWatchDeps {
  readonly hostId: string;
  readonly engine: Engine;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly platformId: string;
  readonly logs: InstanceLogs;
  /** Those of every host, by the ids of their instances. */
  readonly lives: ReadonlyMap<string, InstanceLife>;
}

/**
 * Tells the lives of one host's instances what became of their containers. Hears of ends through the engine's events, and
 * compares all containers with all instances whenever it begins to listen and every half minute, because events may be
 * missed.
 */
export class HostWatch {
  readonly #deps: HostWatchDeps;
  readonly #running = new Set<Promise<void>>();
  /** Containers on their way out. */
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
        if (failures === 0) logger.warn('the engine stopped telling what happens; asking again', { error, hostId });
        failures += 1;
      }
      const ms = Math.min(listenAgainMs.last, listenAgainMs.first * 2 ** failures);
      await clock.sleep(ms, signal).catch(() => undefined);
    }
  }

  /** Throws when the engine is, or goes, away. */
  async #listenOnce(onContact: () => void): Promise<void> {
    const { engine, platformId } = this.#deps;
    const { signal } = this.#closing;
    const listening = new AbortController();
    const close = () => listening.abort();
    signal.addEventListener('abort', close, { once: true });
    try {
      const events = engine.events(allInstances(platformId), listening.signal);
      // Whatever ended while nobody listened is found by looking.
      await this.#sweep();
      onContact();
      for await (const event of events) this.#hear(event);
    } finally {
      signal.removeEventListener('abort', close);
      listening.abort();
    }
  }

  #hear({ kind, labels }: EngineEvent): void {
    const life = this.#deps.lives.get(labels[labelNames.instance] ?? '');
    if (!life) return;
    if (kind === 'die' || kind === 'destroy') life.ended();
    if (kind === 'oom') this.#inBackground(life.ranOutOfMemory(), 'tell of a process without memory');
  }

  /** Removes containers of ours that no active instance knows, and wakes lives whose container is not what they think. */
  async #sweep(): Promise<void> {
    const { engine, platformId, lives, hostId } = this.#deps;
    const containers = await engine.containers.list(allInstances(platformId));
    if (this.#closing.signal.aborted) return;
    const byId = new Map(containers.map((container) => [container.id, container]));
    for (const life of lives.values()) if (life.instance.hostId === hostId) compare(life, byId);
    for (const container of containers) {
      // Not waited for: what is to be heard of the living is not to wait for the dead.
      if (!this.#removing.has(container.id))
        this.#inBackground(this.#removeStranger(container), 'remove a container that nobody knows');
    }
  }

  async #removeStranger(container: ContainerState): Promise<void> {
    const { store, engine, logs, lives, hostId } = this.#deps;
    const id = container.labels[labelNames.instance] ?? '';
    const instance = await store.instances.find(id);
    const isStrange = !instance || (instance.containerId !== null && instance.containerId !== container.id);
    const isOver = instance !== null && isFinal(instance.state) && !lives.has(id);
    if ((!isStrange && !isOver) || this.#closing.signal.aborted) return;
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
    const settled = work
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) logger.error(`could not ${what}`, { error, hostId });
      })
      .finally(() => this.#running.delete(settled));
    this.#running.add(settled);
  }
}

/** What a life believes of its container, and what the engine says of it. */
function compare(life: InstanceLife, containers: ReadonlyMap<string, ContainerState>): void {
  const { containerId, address, state } = life.instance;
  if (containerId === null || state === 'placed' || isFinal(state)) return;
  const container = containers.get(containerId);
  if (!container || !countsAsRunning(container)) life.ended();
  else if (container.address !== address && address !== null) life.lookAgain();
}
