import { errorCode, publicMessage } from '../domain/errors.ts';
import { oneShotTypes } from '../domain/formation.ts';
import { type Instance, isFinal } from '../domain/instance.ts';
import { outOfMemoryReason } from './ending.ts';
import { clearContainer, finishInstance } from './finish.ts';
import { InstanceWriter } from './instance-writer.ts';
import type { LifeDeps } from './life-deps.ts';
import { lookAt, type Sight, seen } from './look.ts';
import { fatalWithinMs, MemoryKills } from './memory-kills.ts';
import { awaitPort, awaitSteady } from './readiness.ts';
import { isRetried, startInstance } from './start.ts';
import { type Action, type StepFacts, step } from './step.ts';

/** The wait before a failed action is tried again. It doubles with each failure. */
const retryMs = { first: 250, last: 5000 } as const;

const unseen: Sight = { container: 'unknown', cutOff: false, abandoned: false };

/** Keeps one instance in its desired state, from `placed` to its end: asks `step`, performs the action, asks again. */
export class InstanceLife {
  readonly #deps: LifeDeps;
  readonly #writer: InstanceWriter;
  readonly #memory: MemoryKills;
  /** The earliest start, by the monotonic clock: a wall clock that is set back would delay it. */
  readonly #startAtMs: number;
  #instance: Instance;
  /** The row was changed elsewhere. Only the loop reads it again, so that a read never overwrites a newer observation. */
  #isStale = false;
  /** The row is gone, because the app was destroyed. The destroying verb removes the container. */
  #isForgotten = false;
  #sight = unseen;
  /** Counts the requests for a new sight. An answer of the engine from before the newest request is not used. */
  #looksAsked = 0;
  #readiness: StepFacts['readiness'] = 'unknown';
  /** Which of several ports answered; null while that is unknown, and for a type without a port. */
  #servingPort: number | null = null;
  #drained = false;
  #stubborn = false;
  #failures = 0;
  #wake = Promise.withResolvers<void>();
  /** Aborts waits for the container or its terminal, when the container ends, the instance is to stop or the platform stops. */
  #attempt = new AbortController();

  constructor(instance: Instance, deps: LifeDeps) {
    this.#instance = instance;
    this.#deps = deps;
    this.#writer = new InstanceWriter(deps.store, instance.id);
    this.#memory = new MemoryKills(deps.clock);
    this.#startAtMs = deps.clock.monotonicMs() + delayOf(instance, deps.clock.now());
  }

  get instance(): Instance {
    return this.#instance;
  }

  /**
   * Runs until the instance has ended or the signal aborts. Does not finish the action under way then: the next orchestrator
   * repeats it. Failures of the engine are retried.
   */
  async run(signal: AbortSignal): Promise<void> {
    const closed = Promise.withResolvers<void>();
    const close = () => {
      this.#attempt.abort();
      closed.resolve();
    };
    signal.addEventListener('abort', close, { once: true });
    try {
      while (!signal.aborted) {
        const iteration = this.#iterate(signal);
        iteration.catch(() => undefined);
        if ((await Promise.race([iteration, closed.promise])) === 'over') return;
      }
    } finally {
      signal.removeEventListener('abort', close);
    }
  }

  /** To be called when the instance's row was changed elsewhere. */
  async changed(): Promise<void> {
    const row = await this.#deps.store.instances.find(this.#instance.id);
    this.#isForgotten = row === null;
    this.#isStale = true;
    const isToStop = row?.desired === 'stopped' && this.#instance.desired === 'up';
    if (isToStop || this.#isForgotten) this.#attempt.abort();
    this.#rouse();
  }

  /** Asks the engine for the container's state before the next action. */
  lookAgain(): void {
    this.#looksAsked += 1;
    this.#sight = unseen;
    this.#rouse();
  }

  /** To be called when the engine reports that the container ended or was removed. */
  ended(): void {
    this.#attempt.abort();
    this.lookAgain();
  }

  /** To be called when the engine reports a process that was killed for its memory. Writes an event if the instance runs on. */
  async ranOutOfMemory(): Promise<void> {
    if (!this.#memory.ranOut()) return;
    const { signal } = this.#attempt;
    await this.#deps.clock.sleep(fatalWithinMs, signal).catch(() => undefined);
    if (signal.aborted || isFinal(this.#instance.state)) return;
    await this.#writer.ranOutOfMemory(outOfMemoryReason(this.#instance, this.#deps.settings));
  }

  #rouse(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async #iterate(signal: AbortSignal): Promise<'over' | 'again'> {
    const wake = this.#wake.promise;
    let action: Action = { kind: 'look' };
    // This iteration sees the reason of the abort.
    if (this.#attempt.signal.aborted) this.#attempt = new AbortController();
    try {
      if (this.#isStale) await this.#read();
      if (this.#isForgotten) return 'over';
      action = step(this.#facts());
      if (action.kind === 'done') return 'over';
      await this.#perform(action, wake, signal);
      this.#failures = 0;
    } catch (error) {
      // After an abort the next iteration sees the reason.
      if (!this.#attempt.signal.aborted) await this.#retryLater(error, action, wake);
    }
    return 'again';
  }

  async #read(): Promise<void> {
    this.#isStale = false;
    const row = await this.#deps.store.instances.find(this.#instance.id);
    if (row) this.#instance = row;
    else this.#isForgotten = true;
  }

  #facts(): StepFacts {
    const { desired, state, type } = this.#instance;
    return {
      desired,
      state,
      ...this.#sight,
      startInMs: this.#startAtMs - this.#deps.clock.monotonicMs(),
      readiness: this.#readiness,
      drained: this.#drained,
      oneShot: oneShotTypes.has(type),
    };
  }

  async #perform(action: Action, wake: Promise<void>, signal: AbortSignal): Promise<void> {
    switch (action.kind) {
      case 'wait':
        return this.#sleep(action.ms, wake);
      case 'look':
        return this.#look();
      case 'start':
        return this.#start(signal);
      case 'await-readiness':
        return this.#awaitReadiness();
      case 'mark':
        return this.#mark(action.state);
      case 'drain':
        return this.#drain();
      case 'stop':
        return this.#stop();
      case 'finish':
        return this.#finish(action);
    }
  }

  async #sleep(ms: number | null, wake: Promise<void>): Promise<void> {
    if (ms === null) return wake;
    const timer = new AbortController();
    await Promise.race([wake, this.#deps.clock.sleep(ms, timer.signal).catch(() => undefined)]);
    timer.abort();
  }

  async #look(): Promise<void> {
    const asked = this.#looksAsked;
    const { address, ...sight } = await lookAt(this.#instance, this.#deps, this.#attempt.signal);
    if (address !== null && address !== this.#instance.address) {
      // Another program restarted the container, or the platform crashed between its start and the write of its address.
      this.#readiness = 'unknown';
      this.#instance = await this.#deps.store.instances.observe(this.#instance.id, { address });
    }
    if (asked === this.#looksAsked) this.#sight = sight;
    const { containerId } = this.#instance;
    const hasStarted = sight.container === 'running' || sight.container === 'exited';
    // When the engine's answer to the start was lost, this look is the first to see that it started.
    if (hasStarted) this.#deps.terminals.started(this.#instance.id);
    if (hasStarted && containerId && !this.#deps.terminals.isExpected(this.#instance.id))
      await this.#watch(containerId);
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { store, terminals, engine, clock } = this.#deps;
    if (this.#instance.state === 'placed')
      this.#instance = await this.#writer.observed({ state: 'starting', startedAt: clock.now() }, 'instance.starting');
    const { containerId, address, port } = await startInstance(this.#instance, this.#deps, {
      toStop: this.#attempt.signal,
      closing: signal,
    });
    this.#instance = await store.instances.observe(this.#instance.id, { containerId, address, port });
    if (!terminals.isExpected(this.#instance.id)) await this.#watch(containerId);
    const asked = this.#looksAsked;
    // The engine's `die` event may have come before the container's id was known.
    const state = await engine.containers.inspect(containerId);
    // With a port and no address it may be cut off: only `lookAt` finds out.
    const isUnclear = port !== null && address === null;
    if (asked === this.#looksAsked) this.#sight = isUnclear ? unseen : { ...unseen, container: seen(state) };
  }

  async #watch(containerId: string): Promise<void> {
    this.#deps.logs.watch(this.#instance, containerId, await this.#writer.version(this.#instance));
  }

  async #awaitReadiness(): Promise<void> {
    const { address, port, type } = this.#instance;
    const { clock } = this.#deps;
    const { signal } = this.#attempt;
    if (oneShotTypes.has(type)) this.#readiness = 'ready';
    else if (port !== null && address !== null) await this.#awaitPort(address, signal);
    else this.#readiness = await awaitSteady(clock, signal);
  }

  async #awaitPort(address: string, signal: AbortSignal): Promise<void> {
    const { ports } = await this.#writer.program(this.#instance);
    const timeoutMs = this.#deps.settings.bootTimeoutMs;
    const port = await awaitPort({ address, ports, timeoutMs }, this.#deps, signal);
    this.#servingPort = port;
    this.#readiness = port === null ? 'timed-out' : 'ready';
  }

  async #mark(state: 'up' | 'draining'): Promise<void> {
    if (state === 'up') {
      const port = this.#servingPort ?? this.#instance.port;
      this.#instance = await this.#writer.observed({ state, port, upAt: this.#deps.clock.now() }, 'instance.up');
    } else {
      this.#instance = await this.#writer.observed({ state }, 'instance.draining');
    }
  }

  async #drain(): Promise<void> {
    const { upAt, type } = this.#instance;
    const { drainer, settings } = this.#deps;
    if (type === 'web' && upAt) await drainer.drain(this.#instance, settings.drainMs, this.#attempt.signal);
    this.#drained = true;
  }

  async #stop(): Promise<void> {
    const { containerId } = this.#instance;
    const { engine, clock, settings } = this.#deps;
    const begin = clock.monotonicMs();
    if (containerId) await engine.containers.stop(containerId, settings.stopGraceMs);
    this.#stubborn = clock.monotonicMs() - begin >= settings.stopGraceMs;
    this.#sight = unseen;
  }

  async #finish({ state, why }: Extract<Action, { kind: 'finish' }>): Promise<void> {
    const end = { state, why, stubborn: this.#stubborn, ranOutOfMemory: this.#memory.recently() };
    this.#instance = await finishInstance(this.#instance, end, { writer: this.#writer, deps: this.#deps });
    await clearContainer(this.#instance, this.#deps);
  }

  async #retryLater(error: unknown, action: Action, wake: Promise<void>): Promise<void> {
    const fields = { error, instance: this.#instance.id, action: action.kind };
    if (action.kind === 'start' && !isRetried(errorCode(error))) {
      this.#deps.logger.info('an instance could not be started', fields);
      try {
        return await this.#refuse(publicMessage(error));
      } catch (again) {
        fields.error = again;
      }
    }
    if (this.#failures === 0) this.#deps.logger.warn('an action on an instance failed; trying again', fields);
    const ms = Math.min(retryMs.last, retryMs.first * 2 ** this.#failures);
    this.#failures += 1;
    this.#isStale = true;
    this.#sight = unseen;
    await this.#sleep(ms, wake);
  }

  async #refuse(reason: string): Promise<void> {
    await this.#read();
    if (this.#isForgotten || isFinal(this.#instance.state)) return;
    const observed = { state: 'refused', reason, endedAt: this.#deps.clock.now() } as const;
    this.#instance = await this.#writer.observed(observed, 'instance.refused');
    this.#deps.terminals.ended(this.#instance.id, 126, reason);
    await clearContainer(this.#instance, this.#deps);
  }
}

/** Milliseconds until the start. Never more than the delay at its placing, also when the wall clock was set back since. */
function delayOf({ notBefore, createdAt }: Instance, now: Date): number {
  if (!notBefore) return 0;
  return Math.min(notBefore.getTime() - now.getTime(), notBefore.getTime() - createdAt.getTime());
}
