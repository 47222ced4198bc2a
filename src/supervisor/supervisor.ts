import type { ContainerState } from '../domain/engine.ts';
import { labelNames } from '../domain/engine.ts';
import { isFinal } from '../domain/instance.ts';
import { InstanceLife, type LifeDependencies } from './life.ts';
import { instanceLabels } from './start.ts';

const sweepEveryMs = 30_000;
const listenAgainMs = 250;

/**
 * Keeps every active instance in the state that is desired of it. Hears of wishes through the store's change feed and of
 * ends through the engine's events, and looks at everything anew every half minute, because either may be missed.
 */
export class Supervisor {
  readonly #deps: LifeDependencies;
  readonly #lives = new Map<string, InstanceLife>();
  readonly #running = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #unsubscribe: () => void = () => undefined;

  constructor(deps: LifeDependencies) {
    this.#deps = deps;
  }

  /** Takes over what runs already, then everything that comes. Resolves when every known instance has its life again. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#deps.store.changes.subscribe((change) => {
      if (change.table === 'instances') this.#inBackground(this.#changed(change.id), 'follow a change');
    });
    this.#inBackground(this.#listen(), 'listen to the engine');
    this.#inBackground(this.#sweepForEver(), 'sweep');
    for (const instance of await this.#deps.store.instances.listActive())
      this.#live(new InstanceLife(instance, this.#deps));
  }

  /** Stops looking after the instances; their containers go on. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#closing.abort(new Error('the platform stops'));
    await Promise.allSettled([...this.#running]);
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
    const { engine, clock, logger } = this.#deps;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        for await (const event of engine.events(instanceLabels(this.#deps.platformId), signal)) {
          if (event.kind !== 'die' && event.kind !== 'destroy') continue;
          this.#lives.get(event.labels[labelNames.instance] ?? '')?.ended();
        }
      } catch (error) {
        if (!signal.aborted) logger.warn('the engine stopped telling what happens', { error });
      }
      await clock.sleep(listenAgainMs, signal).catch(() => undefined);
      // Whatever ended while nobody listened is found by looking.
      for (const life of this.#lives.values()) if (!signal.aborted) life.lookAgain();
    }
  }

  async #sweepForEver(): Promise<void> {
    const { clock, logger } = this.#deps;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#sweep();
      } catch (error) {
        if (!signal.aborted) logger.warn('a sweep over the containers failed', { error });
      }
      await clock.sleep(sweepEveryMs, signal).catch(() => undefined);
    }
  }

  /** Removes containers of ours that no active instance knows, and wakes lives whose container is not what they think. */
  async #sweep(): Promise<void> {
    const { engine, platformId } = this.#deps;
    const containers = await engine.containers.list(instanceLabels(platformId));
    for (const container of containers) await this.#compare(container);
    const present = new Set(containers.filter(({ status }) => status === 'running').map(({ id }) => id));
    for (const life of this.#lives.values()) {
      const { containerId, state } = life.instance;
      if (containerId && state === 'up' && !present.has(containerId)) life.ended();
    }
  }

  async #compare(container: ContainerState): Promise<void> {
    const { store, engine, logs } = this.#deps;
    const instance = await store.instances.find(container.labels[labelNames.instance] ?? '');
    const strange = !instance || (instance.containerId !== null && instance.containerId !== container.id);
    const over = instance !== null && isFinal(instance.state) && !this.#lives.has(instance.id);
    if (!strange && !over) return;
    if (over && instance && instance.containerId === container.id) await logs.finished(container.id);
    await engine.containers.remove(container.id);
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
