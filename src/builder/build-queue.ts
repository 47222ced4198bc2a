import type { Actor } from '../domain/actor.ts';
import type { Build } from '../domain/build.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Store, StoreTables } from '../domain/store.ts';
import { admissions, type QueueFacts, queueLine } from './build-order.ts';
import { started } from './build-writer.ts';

export interface WaitOptions {
  readonly actor: Actor;
  readonly signal: AbortSignal;
  /** Called with a line for people when the build has to wait, and again when its position changes. */
  readonly onWait: (line: string) => void;
  /** No other build for which this is true runs at the same time. */
  readonly alone: boolean;
}

/** The right to run one build. Dispose of it when the build has ended; a second time does no harm. */
export interface BuildWorker extends Disposable {
  /** From 0. No other running build has the same number. */
  readonly number: number;
}

interface Waiter extends WaitOptions {
  readonly admit: (worker: BuildWorker) => void;
  readonly refuse: (error: unknown) => void;
  lastLine: string | null;
}

/**
 * Lets queued builds begin. The table of builds is the queue: a waiting build is a row in state `queued`, and a build with
 * a worker is a row in state `building`. This object only knows the callers that wait.
 */
export class BuildQueue {
  readonly #store: Store;
  readonly #workers: number;
  readonly #waiters = new Map<string, Waiter>();
  /** Builds that have ended, even if their rows still say `building`: writing the end may have failed. */
  readonly #ended = new Set<string>();
  readonly #alone = new Set<string>();
  readonly #closing = new AbortController();
  #isServing = false;
  #serveAgain = false;

  constructor(store: Store, workers: number) {
    this.#store = store;
    this.#workers = workers;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Resolves when the build may begin; its row is then `building`. Throws `cancelled` when the signal aborts before. */
  async begin({ id }: Build, options: WaitOptions): Promise<BuildWorker> {
    const { promise, resolve, reject } = Promise.withResolvers<BuildWorker>();
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const giveUp = () => reject(new PlatformError('cancelled', 'The build was cancelled before it began.'));
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    if (options.alone) this.#alone.add(id);
    this.#waiters.set(id, { ...options, admit: resolve, refuse: reject, lastLine: null });
    const unsubscribe = this.#store.changes.subscribe(
      ({ table }) => {
        if (table === 'builds') this.#wake();
      },
      () => this.#wake(),
    );
    this.#wake();
    try {
      return await promise;
    } catch (error) {
      this.#alone.delete(id);
      throw error;
    } finally {
      unsubscribe();
      signal.removeEventListener('abort', giveUp);
      this.#waiters.delete(id);
      this.#wake();
    }
  }

  /** Rejects all that wait with `cancelled`. Their rows stay in the queue for the next start. */
  close(): void {
    this.#closing.abort();
  }

  /** Serves once at a time. A call during that leads to one more iteration. */
  #wake(): void {
    this.#serveAgain = true;
    if (!this.#isServing) void this.#serveAll();
  }

  async #serveAll(): Promise<void> {
    this.#isServing = true;
    while (this.#serveAgain && this.#waiters.size > 0) {
      this.#serveAgain = false;
      try {
        await this.#serve();
      } catch (error) {
        for (const { refuse } of this.#waiters.values()) refuse(error);
      }
    }
    this.#isServing = false;
  }

  /** Reads without a transaction first, because mostly no build can begin. */
  async #serve(): Promise<void> {
    if (admissions(await this.#facts(this.#store)).length > 0) await this.#admit();
    const facts = await this.#facts(this.#store);
    for (const build of facts.queued) this.#report(build, facts);
  }

  async #admit(): Promise<void> {
    const admitted = await this.#store.transaction(async (tables) => {
      const next = admissions(await this.#facts(tables));
      for (const { build, worker } of next) {
        const actor = this.#waiters.get(build.id)?.actor;
        if (actor) await started(tables, build, { worker, actor });
      }
      return next;
    });
    for (const { build, worker } of admitted) {
      const waiter = this.#waiters.get(build.id);
      this.#waiters.delete(build.id);
      waiter?.admit({ number: worker, [Symbol.dispose]: () => this.#release(build) });
    }
  }

  #release({ id }: Build): void {
    this.#ended.add(id);
    this.#alone.delete(id);
    this.#wake();
  }

  /** Queued rows without a waiter are left out: their caller has gone, and they must not block others. */
  async #facts(tables: StoreTables): Promise<QueueFacts> {
    const rows = await tables.builds.listByState('building');
    for (const id of this.#ended) if (!rows.some((build) => build.id === id)) this.#ended.delete(id);
    const building = rows.filter(({ id }) => !this.#ended.has(id));
    const queued = (await tables.builds.listByState('queued')).filter(({ id }) => this.#waiters.has(id));
    const lastEnded = await tables.builds.lastEnded([...new Set(queued.map(({ appId }) => appId))]);
    return { queued, building, lastEnded, workers: this.#workers, alone: this.#alone };
  }

  #report(build: Build, facts: QueueFacts): void {
    const waiter = this.#waiters.get(build.id);
    const line = queueLine(build, facts);
    if (!waiter || waiter.lastLine === line) return;
    waiter.lastLine = line;
    waiter.onWait(line);
  }
}
