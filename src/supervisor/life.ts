import { platformActor } from '../domain/actor.ts';
import type { Clock } from '../domain/clock.ts';
import type { Engine } from '../domain/engine.ts';
import { errorCode, publicMessage } from '../domain/errors.ts';
import { type EventKind, eventOf } from '../domain/event.ts';
import { oneShotTypes } from '../domain/formation.ts';
import { type Instance, isFinal, processName } from '../domain/instance.ts';
import type { Logger } from '../domain/logger.ts';
import type { Store } from '../domain/store.ts';
import type { OneOffs } from './one-offs.ts';
import { awaitPort, awaitSettled } from './readiness.ts';
import { startInstance } from './start.ts';
import { type Operation, type StepFacts, step } from './step.ts';

/** What every life needs of the house. */
export interface LifeDependencies {
  readonly engine: Engine;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly oneOffs: OneOffs;
  readonly platformId: string;
  readonly settings: LifeSettings;
  readonly hostCpus: number;
  readonly router: TrafficRouter;
  readonly logs: InstanceLogs;
}

export interface LifeSettings {
  readonly bootTimeoutMs: number;
  readonly stopGraceMs: number;
  readonly drainMs: number;
  readonly cloudletMemoryBytes: number;
  readonly cloudletCpuMhz: number;
}

/** What a retiring instance asks of whoever sends it requests. */
export interface TrafficRouter {
  /** Resolves when no request is in flight on the instance and none will come, or after `timeoutMs`. */
  drain(instance: Instance, timeoutMs: number, signal: AbortSignal): Promise<void>;
}

/** What an instance's output is handed to. */
export interface InstanceLogs {
  watch(instance: Instance, containerId: string, release: number): void;
  /** Resolves when all that the container wrote is in the app's log, or after a short while. */
  finished(containerId: string): Promise<void>;
}

const engineRetryMs = 500;

/** One instance from `placed` to its end: asks `step`, performs the one operation, asks again. */
export class InstanceLife {
  readonly #deps: LifeDependencies;
  #instance: Instance;
  #container: StepFacts['container'] = 'unknown';
  #readiness: StepFacts['readiness'] = 'unknown';
  #drained = false;
  /** The row is gone: its app was destroyed, and whoever did that removes the container. */
  #forgotten = false;
  #wake = Promise.withResolvers<void>();
  /** Aborts what waits for the container to become ready or to drain, when it ends or is not wanted any more. */
  #attempt = new AbortController();

  constructor(instance: Instance, deps: LifeDependencies) {
    this.#instance = instance;
    this.#deps = deps;
  }

  get instance(): Instance {
    return this.#instance;
  }

  /** Runs until the instance's end or the signal. Engine failures are retried; they end nothing. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#rouse(), { once: true });
    while (!signal.aborted && !this.#forgotten) {
      const wake = this.#wake.promise;
      const operation = step(this.#facts());
      if (operation.kind === 'done') return;
      try {
        await this.#perform(operation, wake, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (this.#attempt.signal.aborted) this.#attempt = new AbortController();
        else await this.#recover(error, operation, signal);
      }
    }
  }

  /** The row changed: somebody wants something else of it. */
  async changed(): Promise<void> {
    const row = await this.#deps.store.instances.find(this.#instance.id);
    if (!row) {
      this.#forgotten = true;
      this.#attempt.abort();
      return this.#rouse();
    }
    const unwanted = row.desired === 'stopped' && this.#instance.desired === 'up';
    this.#instance = row;
    if (unwanted) this.#attempt.abort();
    this.#rouse();
  }

  /** Something may have been missed: ask the engine before the next decision. */
  lookAgain(): void {
    if (this.#container === 'running') this.#container = 'unknown';
    this.#rouse();
  }

  /** The engine says that the container ended, or that it is gone. */
  ended(): void {
    this.#container = 'unknown';
    this.#attempt.abort();
    this.#rouse();
  }

  #rouse(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  #facts(): StepFacts {
    const { desired, state, notBefore, type } = this.#instance;
    return {
      desired,
      state,
      container: this.#container,
      startInMs: notBefore ? notBefore.getTime() - this.#deps.clock.now().getTime() : 0,
      readiness: this.#readiness,
      drained: this.#drained,
      oneShot: oneShotTypes.has(type),
    };
  }

  async #perform(operation: Operation, wake: Promise<void>, signal: AbortSignal): Promise<void> {
    switch (operation.kind) {
      case 'wait':
        return this.#sleep(operation.ms, wake, signal);
      case 'look':
        return this.#look();
      case 'start':
        return this.#start(signal);
      case 'await-readiness':
        return this.#awaitReadiness(signal);
      case 'mark':
        return this.#mark(operation.state);
      case 'drain':
        return this.#drain(signal);
      case 'stop':
        return this.#stop();
      case 'finish':
        return this.#finish(operation);
    }
  }

  async #sleep(ms: number | null, wake: Promise<void>, signal: AbortSignal): Promise<void> {
    if (ms === null) return wake;
    const timer = new AbortController();
    await Promise.race([
      wake,
      this.#deps.clock.sleep(ms, AbortSignal.any([signal, timer.signal])).catch(() => undefined),
    ]);
    timer.abort();
  }

  async #look(): Promise<void> {
    const { containerId } = this.#instance;
    const state = containerId ? await this.#deps.engine.containers.inspect(containerId) : null;
    this.#container = state?.status ?? 'none';
    if (state?.status === 'running' && this.#deps.oneOffs.request(this.#instance) === null) this.#watch(state.id);
  }

  async #start(signal: AbortSignal): Promise<void> {
    if (this.#instance.state === 'placed') {
      await this.#observe({ state: 'starting', startedAt: this.#deps.clock.now() }, 'instance.starting');
    }
    const seen = await startInstance(this.#instance, this.#deps, signal);
    this.#container = 'running';
    this.#instance = await this.#deps.store.instances.observe(this.#instance.id, seen);
    if (this.#deps.oneOffs.request(this.#instance)?.attach !== true) this.#watch(seen.containerId);
    // The engine's `die` may have come before we knew the container's id.
    const state = await this.#deps.engine.containers.inspect(seen.containerId);
    if (state?.status !== 'running') this.#container = state?.status ?? 'none';
  }

  #watch(containerId: string): void {
    const version = this.#releaseVersion();
    version
      .then((release) => this.#deps.logs.watch(this.#instance, containerId, release))
      .catch((error: unknown) => {
        this.#deps.logger.error('cannot follow the log of an instance', { error, instance: this.#instance.id });
      });
  }

  async #releaseVersion(): Promise<number> {
    return (await this.#deps.store.releases.find(this.#instance.releaseId))?.version ?? 0;
  }

  async #awaitReadiness(signal: AbortSignal): Promise<void> {
    const { address, port, type } = this.#instance;
    const { clock, settings } = this.#deps;
    const either = AbortSignal.any([signal, this.#attempt.signal]);
    if (oneShotTypes.has(type)) this.#readiness = 'ready';
    else if (port !== null && address !== null) {
      this.#readiness = await awaitPort({ address, port, timeoutMs: settings.bootTimeoutMs }, clock, either);
    } else this.#readiness = await awaitSettled(clock, either);
  }

  async #mark(state: 'up' | 'draining'): Promise<void> {
    const at = this.#deps.clock.now();
    await this.#observe(
      state === 'up' ? { state, upAt: at } : { state },
      state === 'up' ? 'instance.up' : 'instance.draining',
    );
  }

  async #drain(signal: AbortSignal): Promise<void> {
    const { upAt, type } = this.#instance;
    if (type === 'web' && upAt) {
      const either = AbortSignal.any([signal, this.#attempt.signal]);
      await this.#deps.router.drain(this.#instance, this.#deps.settings.drainMs, either);
    }
    this.#drained = true;
  }

  async #stop(): Promise<void> {
    const { containerId } = this.#instance;
    if (containerId) await this.#deps.engine.containers.stop(containerId, this.#deps.settings.stopGraceMs);
    this.#container = 'exited';
  }

  async #finish({ state, why }: Extract<Operation, { kind: 'finish' }>): Promise<void> {
    const { containerId } = this.#instance;
    if (why === 'boot-timeout' && containerId) await this.#deps.engine.containers.kill(containerId, 'SIGKILL');
    const last = containerId ? await this.#deps.engine.containers.inspect(containerId) : null;
    const exitCode = last?.exitCode ?? null;
    const reason = this.#reason(why, exitCode, last?.oomKilled ?? false);
    await this.#observe(
      { state, exitCode, reason, endedAt: this.#deps.clock.now() },
      state === 'crashed'
        ? 'instance.crashed'
        : oneShotTypes.has(this.#instance.type)
          ? 'run.ended'
          : 'instance.stopped',
    );
    this.#deps.oneOffs.ended(this.#instance, exitCode ?? 137);
    if (containerId) await this.#clear(containerId);
  }

  #reason(why: Extract<Operation, { kind: 'finish' }>['why'], exitCode: number | null, oomKilled: boolean): string {
    const name = processName(this.#instance);
    const { settings } = this.#deps;
    if (oomKilled) {
      const mebibytes = (this.#instance.size * settings.cloudletMemoryBytes) / (1024 * 1024);
      return `Error R15 (Memory quota vastly exceeded): ${name} was killed at its limit of ${mebibytes} MiB`;
    }
    switch (why) {
      case 'exit':
      case 'asked':
        return exitCode === null ? 'Process ended' : `Process exited with status ${exitCode}`;
      case 'boot-timeout':
        return `Error R10 (Boot timeout): ${name} did not answer on port ${this.#instance.port} within ${settings.bootTimeoutMs / 1000} s`;
      case 'gone':
        return `The container of ${name} was removed by somebody else`;
      case 'never-started':
        return 'Not wanted any more before it started';
    }
  }

  /** The container goes when its last words are kept. */
  async #clear(containerId: string): Promise<void> {
    const { engine, logs, logger } = this.#deps;
    try {
      await logs.finished(containerId);
      await engine.containers.remove(containerId);
    } catch (error) {
      logger.warn('an ended container could not be removed; the next sweep will', { error, containerId });
    }
  }

  async #observe(seen: Parameters<Store['instances']['observe']>[1], kind: EventKind): Promise<void> {
    this.#instance = await this.#deps.store.transaction(async (tables) => {
      const row = await tables.instances.observe(this.#instance.id, seen);
      const release = await tables.releases.find(row.releaseId);
      const artifact = release?.artifactId ? await tables.artifacts.find(release.artifactId) : null;
      const command = artifact?.processes.find((process) => process.type === row.type)?.command;
      await tables.events.append(
        eventOf(kind, platformActor, {
          appId: row.appId,
          data: {
            instanceId: row.id,
            process: processName(row),
            release: release?.version ?? 0,
            exitCode: row.exitCode,
            reason: row.reason,
            stopReason: row.stopReason,
            ...(kind === 'instance.starting' && command ? { command } : {}),
          },
        }),
      );
      return row;
    });
  }

  async #recover(error: unknown, operation: Operation, signal: AbortSignal): Promise<void> {
    const { logger, clock } = this.#deps;
    const code = errorCode(error);
    logger.warn('an operation on an instance failed', {
      error,
      instance: this.#instance.id,
      operation: operation.kind,
    });
    if (operation.kind === 'start' && code !== 'unavailable' && code !== 'timeout' && !isFinal(this.#instance.state)) {
      await this.#observe({ state: 'refused', reason: publicMessage(error), endedAt: clock.now() }, 'instance.refused');
      this.#deps.oneOffs.ended(this.#instance, 126);
      return;
    }
    await this.changed();
    this.#container = 'unknown';
    await clock.sleep(engineRetryMs, signal).catch(() => undefined);
  }
}
