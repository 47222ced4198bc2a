import { type ContainerState, countsAsRunning, type EngineEvent, labelNames } from '../domain/engine.ts';
import { isFinal } from '../domain/instance.ts';
import { Recurring } from '../system/recurring.ts';
import { InstanceLife } from './life.ts';
import type { LifeDependencies } from './life-dependencies.ts';
import { allInstances } from './start.ts';

const sweepEveryMs = 30_000;
/** An engine that went away is listened to again this soon, and then less and less often. */
const listenAgainMs = { first: 100, last: 2000 } as const;

/**
 * Keeps every active instance in the state that is desired of it. Hears of wishes through the store's change feed and of
 * ends through the engine's events, and compares all containers with all instances whenever it begins to listen and
 * every half minute, because either may be missed.
 */
export class Supervisor {
  readonly #deps: LifeDependencies;
  readonly #lives = new Map<string, InstanceLife>();
  readonly #running = new Set<Promise<void>>();
  /** Containers on their way out. */
  readonly #removing = new Set<string>();
  readonly #closing = new AbortController();
  readonly #sweeps: Recurring;
  #unsubscribe: () => void = () => undefined;

  constructor(deps: LifeDependencies) {
    this.#deps = deps;
    const { clock, logger } = deps;
    const work = () => this.#sweep();
    this.#sweeps = new Recurring({ what: 'sweep over the containers', everyMs: sweepEveryMs, work, clock, logger });
  }

  /** Takes over what runs already, then everything that comes. Resolves when every known instance has its life again. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#deps.store.changes.subscribe(
      (change) => {
        if (change.table === 'instances') this.#inBackground(this.#changed(change.id), 'follow a change');
      },
      () => this.#inBackground(this.#sweepWishes(), 'look at every wish'),
    );
    for (const instance of await this.#deps.store.instances.listActive())
      this.#live(new InstanceLife(instance, this.#deps));
    this.#inBackground(this.#listen(), 'listen to the engine');
    this.#sweeps.startLater();
  }

  /** Stops looking after the instances; their containers go on. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#closing.abort(new Error('the platform stops'));
    await Promise.all([this.#sweeps.close(), ...this.#running]);
  }

  async #changed(id: string): Promise<void> {
    const life = this.#lives.get(id);
    if (life) return life.changed();
    const instance = await this.#deps.store.instances.find(id);
    if (instance && !isFinal(instance.state) && !this.#lives.has(id))
      this.#live(new InstanceLife(instance, this.#deps));
  }

  #live(life: InstanceLife): void {
    const { id } = life.instance;
    if (this.#lives.has(id)) return;
    this.#lives.set(id, life);
    const ended = life.run(this.#closing.signal).finally(() => this.#lives.delete(id));
    this.#inBackground(ended, 'look after an instance');
  }

  async #listen(): Promise<void> {
    const { clock, logger } = this.#deps;
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#listenOnce(() => {
          if (failures > 0) logger.info('the engine is back');
          failures = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (failures === 0) logger.warn('the engine stopped telling what happens; asking again', { error });
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
    const life = this.#lives.get(labels[labelNames.instance] ?? '');
    if (!life) return;
    if (kind === 'die' || kind === 'destroy') life.ended();
    if (kind === 'oom') this.#inBackground(life.ranOutOfMemory(), 'tell of a process without memory');
  }

  /** What was missed of the wishes, then what was missed of the containers. */
  async #sweep(): Promise<void> {
    await this.#sweepWishes();
    await this.#sweepContainers();
  }

  /** Gives every active instance its life, and tells lives of wishes that they did not hear, as a store failed them then. */
  async #sweepWishes(): Promise<void> {
    for (const instance of await this.#deps.store.instances.listActive()) {
      if (this.#closing.signal.aborted) return;
      const life = this.#lives.get(instance.id);
      // Not by this row: its life may have ended since the rows were read.
      if (!life || life.instance.desired !== instance.desired) await this.#changed(instance.id);
    }
  }

  /** Removes containers of ours that no active instance knows, and wakes lives whose container is not what they think. */
  async #sweepContainers(): Promise<void> {
    const { engine, platformId } = this.#deps;
    const containers = await engine.containers.list(allInstances(platformId));
    if (this.#closing.signal.aborted) return;
    const byId = new Map(containers.map((container) => [container.id, container]));
    for (const life of this.#lives.values()) compare(life, byId);
    for (const container of containers) {
      // Not waited for: what is to be heard of the living is not to wait for the dead.
      if (!this.#removing.has(container.id))
        this.#inBackground(this.#removeStranger(container), 'remove a container that nobody knows');
    }
  }

  async #removeStranger(container: ContainerState): Promise<void> {
    const { store, engine, logs } = this.#deps;
    const id = container.labels[labelNames.instance] ?? '';
    const instance = await store.instances.find(id);
    const isStrange = !instance || (instance.containerId !== null && instance.containerId !== container.id);
    const isOver = instance !== null && isFinal(instance.state) && !this.#lives.has(id);
    if ((!isStrange && !isOver) || this.#closing.signal.aborted) return;
    this.#removing.add(container.id);
    try {
      if (instance && isOver) await logs.finished(container.id);
      await engine.containers.remove(container.id);
    } finally {
      this.#removing.delete(container.id);
    }
  }

  #inBackground(work: Promise<void>, what: string): void {
    const settled = work
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) this.#deps.logger.error(`could not ${what}`, { error });
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
