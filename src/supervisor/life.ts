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

/** An engine that is away is asked again this soon, and then less and less often. */
const retryMs = { first: 250, last: 5000 } as const;

const unseen: Sight = { container: 'unknown', cutOff: false, abandoned: false };

/** One instance from `placed` to its end: asks `step`, performs the one action, asks again. */
export class InstanceLife {
  readonly #deps: LifeDeps;
  readonly #writer: InstanceWriter;
  readonly #memory: MemoryKills;
  /** Not to be started before, by the monotonic clock: a wall clock that is set back would put it off. */
  readonly #startAtMs: number;
  #instance: Instance;
  /** Somebody changed the row. Only the loop reads it anew, so that nothing that was seen is forgotten again. */
  #isStale = false;
  /** The row is gone: its app was destroyed, and whoever did that removes the container. */
  #isForgotten = false;
  #sight = unseen;
  /** Counts the wishes for a new sight: what was asked of the engine before the newest is not believed. */
  #looksAsked = 0;
  #readiness: StepFacts['readiness'] = 'unknown';
  #drained = false;
  #stubborn = false;
  #failures = 0;
  #wake = Promise.withResolvers<void>();
  /** Aborts what waits for the container, or for its terminal, when it ends, is not wanted any more or the platform stops. */
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
   * Runs until the instance's end or the signal, which is not kept waiting: what it interrupts is taken up by the next
   * platform. Engine failures are retried; they end nothing.
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

  /** The row changed: somebody wants something else of it. */
  async changed(): Promise<void> {
    const row = await this.#deps.store.instances.find(this.#instance.id);
    this.#isForgotten = row === null;
    this.#isStale = true;
    const isUnwanted = row?.desired === 'stopped' && this.#instance.desired === 'up';
    if (isUnwanted || this.#isForgotten) this.#attempt.abort();
    this.#rouse();
  }

  /** Something may have been missed: ask the engine before the next decision. */
  lookAgain(): void {
    this.#looksAsked += 1;
    this.#sight = unseen;
    this.#rouse();
  }

  /** The engine says that the container ended, or that it is gone. */
  ended(): void {
    this.#attempt.abort();
    this.lookAgain();
  }

  /** The engine says that one of its processes was killed for its memory. Tells it when the instance survives that. */
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
    // What it was aborted for is seen by this iteration.
    if (this.#attempt.signal.aborted) this.#attempt = new AbortController();
    try {
      if (this.#isStale) await this.#read();
      if (this.#isForgotten) return 'over';
      action = step(this.#facts());
      if (action.kind === 'done') return 'over';
      await this.#perform(action, wake, signal);
      this.#failures = 0;
    } catch (error) {
      // Given up on purpose: the next iteration knows why.
      if (!this.#attempt.signal.aborted) await this.#recover(error, action, wake);
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
      // Started again by somebody else it is somewhere else; started by us in front of a crash, nobody wrote where.
      this.#readiness = 'unknown';
      this.#instance = await this.#deps.store.instances.observe(this.#instance.id, { address });
    }
    if (asked === this.#looksAsked) this.#sight = sight;
    const { containerId } = this.#instance;
    const hasWords = sight.container === 'running' || sight.container === 'exited';
    // Where the engine's answer to its start was lost, this look is the first to know of it.
    if (hasWords) this.#deps.terminals.started(this.#instance.id);
    if (hasWords && containerId && !this.#deps.terminals.isExpected(this.#instance.id)) await this.#watch(containerId);
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { store, terminals, engine, clock } = this.#deps;
    if (this.#instance.state === 'placed')
      this.#instance = await this.#writer.observed({ state: 'starting', startedAt: clock.now() }, 'instance.starting');
    const { containerId, address, port } = await startInstance(this.#instance, this.#deps, {
      unwanted: this.#attempt.signal,
      closing: signal,
    });
    this.#instance = await store.instances.observe(this.#instance.id, { containerId, address, port });
    if (!terminals.isExpected(this.#instance.id)) await this.#watch(containerId);
    const asked = this.#looksAsked;
    // The engine's `die` may have come before we knew the container's id.
    const state = await engine.containers.inspect(containerId);
    // A process with a port and no address cannot be told from one that is cut off without a closer look.
    const isUnclear = port !== null && address === null;
    if (asked === this.#looksAsked) this.#sight = isUnclear ? unseen : { ...unseen, container: seen(state) };
  }

  async #watch(containerId: string): Promise<void> {
    this.#deps.logs.watch(this.#instance, containerId, await this.#writer.version(this.#instance));
  }

  async #awaitReadiness(): Promise<void> {
    const { address, port, type } = this.#instance;
    const { clock, settings } = this.#deps;
    const { signal } = this.#attempt;
    if (oneShotTypes.has(type)) this.#readiness = 'ready';
    else if (port !== null && address !== null)
      this.#readiness = await awaitPort({ address, port, timeoutMs: settings.bootTimeoutMs }, this.#deps, signal);
    else this.#readiness = await awaitSteady(clock, signal);
  }

  async #mark(state: 'up' | 'draining'): Promise<void> {
    if (state === 'up') {
      this.#instance = await this.#writer.observed({ state, upAt: this.#deps.clock.now() }, 'instance.up');
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
    const end = { state, why, stubborn: this.#stubborn, ranOutOfMemory: this.#memory.lately() };
    this.#instance = await finishInstance(this.#instance, end, { writer: this.#writer, deps: this.#deps });
    await clearContainer(this.#instance, this.#deps);
  }

  async #recover(error: unknown, action: Action, wake: Promise<void>): Promise<void> {
    const fields = { error, instance: this.#instance.id, action: action.kind };
    if (action.kind === 'start' && !isRetried(errorCode(error))) {
      this.#deps.logger.info('an instance could not be started', fields);
      try {
        return await this.#refuse(publicMessage(error));
      } catch (again) {
        fields.error = again;
      }
    }
    if (this.#failures === 0) this.#deps.logger.warn('an action on an instance failed; trying on', fields);
    const ms = Math.min(retryMs.last, retryMs.first * 2 ** this.#failures);
    this.#failures += 1;
    this.#isStale = true;
    this.#sight = unseen;
    await this.#sleep(ms, wake);
  }

  async #refuse(reason: string): Promise<void> {
    await this.#read();
    if (this.#isForgotten || isFinal(this.#instance.state)) return;
    const seen = { state: 'refused', reason, endedAt: this.#deps.clock.now() } as const;
    this.#instance = await this.#writer.observed(seen, 'instance.refused');
    this.#deps.terminals.ended(this.#instance.id, 126, reason);
    await clearContainer(this.#instance, this.#deps);
  }
}

/** At most as long as it was put off when it was placed, whatever the wall clock says now. */
function delayOf({ notBefore, createdAt }: Instance, now: Date): number {
  if (!notBefore) return 0;
  return Math.min(notBefore.getTime() - now.getTime(), notBefore.getTime() - createdAt.getTime());
}
