import type { Engines } from '../domain/engines.ts';
import type { HandsOn } from '../domain/host-hands.ts';
import { type Instance, isFinal } from '../domain/instance.ts';
import { PerHost } from '../system/per-host.ts';
import { Recurring } from '../system/recurring.ts';
import { HostWatch } from './host-watch.ts';
import { InstanceLife } from './life.ts';
import type { LifeDeps } from './life-deps.ts';

const sweepEveryMs = 30_000;

export interface SupervisorDeps extends Omit<LifeDeps, 'engine' | 'hands'> {
  readonly engines: Engines;
  readonly handsOn: HandsOn;
}

/**
 * Keeps every active instance in its desired state: gives each a life, and each host a watch. Follows the store's change feed.
 * Because a change may be missed, it also compares all instances with all lives every 30 s.
 */
export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #lives = new Map<string, InstanceLife>();
  readonly #running = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #sweeps: Recurring;
  readonly #hosts: PerHost<HostWatch>;
  #unsubscribe: () => void = () => undefined;

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    const { engines, clock, logger } = deps;
    const work = () => this.#sweep();
    this.#sweeps = new Recurring({ what: 'sweep over the instances', everyMs: sweepEveryMs, work, clock, logger });
    this.#hosts = new PerHost(engines, (hostId) => this.#watch(hostId));
  }

  /** Takes over the running instances, then follows changes. Resolves when every active instance has its life. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#deps.store.changes.subscribe(
      (change) => {
        if (change.table === 'instances') this.#inBackground(this.#changed(change.id), 'follow a change');
      },
      () => this.#inBackground(this.#sweep(), 'look at every instance'),
    );
    for (const instance of await this.#deps.store.instances.listActive()) this.#begin(instance);
    this.#hosts.start();
    this.#sweeps.startLater();
  }

  /** Ends all lives. The containers run on. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#closing.abort(new Error('the platform stops'));
    await Promise.all([this.#hosts.close(), this.#sweeps.close(), ...this.#running]);
  }

  #watch(hostId: string): HostWatch {
    const { engines, ...deps } = this.#deps;
    const watch = new HostWatch({ ...deps, hostId, engine: engines.on(hostId), lives: this.#lives });
    watch.start();
    // Instances on a host that was unknown have no life yet.
    this.#inBackground(this.#sweep(), 'look for instances without a life');
    return watch;
  }

  async #changed(id: string): Promise<void> {
    const life = this.#lives.get(id);
    if (life) return life.changed();
    const instance = await this.#deps.store.instances.find(id);
    if (instance && !isFinal(instance.state)) this.#begin(instance);
  }

  /** Does nothing for an instance that has a life, or whose host is unknown: it gets one when the host becomes known. */
  #begin(instance: Instance): void {
    const { engines, handsOn, ...deps } = this.#deps;
    if (this.#lives.has(instance.id) || !engines.known().includes(instance.hostId)) return;
    const life = new InstanceLife(instance, {
      ...deps,
      engine: engines.on(instance.hostId),
      hands: handsOn(instance.hostId),
    });
    this.#lives.set(instance.id, life);
    const ended = life.run(this.#closing.signal).finally(() => this.#lives.delete(instance.id));
    this.#inBackground(ended, 'keep an instance in its desired state');
  }

  /** Gives every active instance its life, and notifies lives of changes that they missed because the store failed. */
  async #sweep(): Promise<void> {
    for (const instance of await this.#deps.store.instances.listActive()) {
      if (this.#closing.signal.aborted) return;
      const life = this.#lives.get(instance.id);
      // Reads the row again, because its life may have ended since.
      if (!life || life.instance.desired !== instance.desired) await this.#changed(instance.id);
    }
  }

  #inBackground(work: Promise<void>, what: string): void {
    const finished = work
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) this.#deps.logger.error(`could not ${what}`, { error });
      })
      .finally(() => this.#running.delete(finished));
    this.#running.add(finished);
  }
}
